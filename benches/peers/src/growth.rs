//! How cost grows with load: tables on standard output, and a plot of them.

use std::{hint::black_box, path::Path};

use anyhow::{Result, anyhow};
use kms_signer::{
    KeyInput, KeyType, PublicKey, RawSignature, SignRequest, Signer as _, Verifier,
    provider::local::LocalSigner,
};
use plotters::prelude::*;
use stats_alloc::Region;

use crate::{
    ALLOCATOR,
    end_to_end::Contest,
    key::{Key, sign},
    memory::held,
    timing::{each, median},
};

const ROUNDS: usize = 7;

/// One table: a figure for each size.
struct Series {
    title: &'static str,
    size: &'static str,
    figure: &'static str,
    points: Vec<(f64, f64)>,
}

pub fn run(plot: &Path) -> Result<()> {
    let [time, memory] = keys()?;
    let series = [in_flight()?, time, memory, preimage()?];
    for series in &series {
        println!(
            "{}\n\n| {} | {} |\n|---:|---:|",
            series.title, series.size, series.figure
        );
        for (size, figure) in &series.points {
            println!("| {size} | {figure:.1} |");
        }
        println!();
    }
    draw(plot, &series).map_err(|error| anyhow!("{error}"))
}

fn in_flight() -> Result<Series> {
    let contest = Contest::new(0)?;
    let points = [1, 4, 16, 64, 256].map(|in_flight| {
        let rates = (0..ROUNDS).map(|_| contest.rate(in_flight, |digest| contest.ours(digest)));
        (in_flight as f64, median(rates.collect()))
    });
    Ok(Series {
        title: "Signatures a second, one core, KMS with no delay",
        size: "in flight",
        figure: "signatures a second",
        points: points.to_vec(),
    })
}

/// Every key signs in turn, thirty-two times each: the first 64 become hot.
fn keys() -> Result<[Series; 2]> {
    let (mut points, mut memory) = (Vec::new(), Vec::new());
    // All keys share the generator's table, so it is built before.
    Contest::new(0)?;
    for count in [1, 10, 64, 100, 1_000, 10_000] {
        let keys = (0..count)
            .map(|number| Key::new(KeyType::Secp256k1, number, 1))
            .collect::<Result<Vec<_>>>()?;
        let region = Region::new(ALLOCATOR);
        let verifiers: Vec<Verifier> = keys
            .iter()
            .map(|key| Verifier::new(key.public_key.clone()))
            .collect();
        let turn = || {
            for (key, verifier) in keys.iter().zip(&verifiers) {
                let signed = &key.signatures[0];
                let input = KeyInput::EcdsaPrehash(&signed.digest);
                let accepted = verifier.accept(&input, RawSignature::Fixed(&signed.fixed));
                black_box(accepted.expect("a good signature"));
            }
        };
        (0..32).for_each(|_| turn());
        let held = held(&region);
        let turns = (20_000 / count).max(1) as usize;
        let times = (0..ROUNDS).map(|_| each(turns, turn) / f64::from(count));
        points.push((f64::from(count), median(times.collect())));
        memory.push((f64::from(count), held / 1024.0));
    }
    let time = Series {
        title: "Verification with many keys in turn, secp256k1",
        size: "keys",
        figure: "microseconds a signature",
        points,
    };
    let memory = Series {
        title: "Memory of their verifiers, tables included",
        size: "keys",
        figure: "KB",
        points: memory,
    };
    Ok([time, memory])
}

/// Hashing and verifying: the work of signing besides the call.
fn preimage() -> Result<Series> {
    let signer = LocalSigner::from_bytes(KeyType::Secp256k1, &[7; 32])?;
    let public_key: PublicKey = signer.public_key().clone();
    let verifier = Verifier::new(public_key);
    let mut points = Vec::new();
    for size in [100, 1_024, 8_192, 32_768, 131_072] {
        let preimage = vec![0x5a; size];
        let raw = sign(&signer, &SignRequest::keccak256(&preimage))?;
        let once = || {
            let request = SignRequest::keccak256(black_box(&preimage));
            let input = request.input_for(KeyType::Secp256k1).expect("a digest");
            let accepted = verifier.accept(&input, RawSignature::Fixed(&raw));
            black_box(accepted.expect("a good signature"));
        };
        (0..32).for_each(|_| once());
        let times = (0..ROUNDS).map(|_| each(200, once));
        points.push((size as f64, median(times.collect())));
    }
    Ok(Series {
        title: "Hashing (keccak256) and verification, hot key",
        size: "bytes of preimage",
        figure: "microseconds a signature",
        points,
    })
}

fn draw(path: &Path, series: &[Series; 4]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (1440, 320)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, series) in root.split_evenly((1, 4)).iter().zip(series) {
        let sizes = series.points.iter().map(|point| point.0);
        let most = series
            .points
            .iter()
            .map(|point| point.1)
            .fold(0.0, f64::max);
        let first = sizes.clone().fold(f64::INFINITY, f64::min);
        let last = sizes.fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(series.title, ("sans-serif", 13))
            .margin(10)
            .x_label_area_size(38)
            .y_label_area_size(58)
            .build_cartesian_2d((first..last).log_scale(), 0.0..most * 1.1)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .x_desc(series.size)
            .y_desc(series.figure)
            .draw()?;
        let points = series.points.iter().copied();
        chart.draw_series(LineSeries::new(points.clone(), &BLUE))?;
        chart.draw_series(points.map(|point| Circle::new(point, 3, BLUE.filled())))?;
    }
    root.present()?;
    Ok(())
}
