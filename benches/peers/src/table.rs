//! The rows of the comparison, and how to print them.

use serde_json::json;

use crate::timing::Duel;

/// One measurement of this crate, and its comparison.
pub struct Row {
    pub row: &'static str,
    /// The unit of both figures.
    pub unit: &'static str,
    pub ours: f64,
    /// Measured in the same run; `None` where a row has only a limit.
    pub theirs: Option<f64>,
    /// Ours divided by theirs; for a rate the speed-up, and for a limit our own figure.
    pub ratio: f64,
    /// `None` for a row that is only there for comparison.
    pub goal: Option<Goal>,
}

#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    /// Ours divided by theirs, both in microseconds.
    pub fn ratio(row: &'static str, duel: Duel, goal: Option<Goal>) -> Self {
        Self {
            row,
            unit: "us",
            ours: duel.ours,
            theirs: Some(duel.theirs),
            ratio: duel.ours_by_theirs,
            goal,
        }
    }

    /// How many times faster ours is.
    pub fn speed_up(row: &'static str, duel: Duel, goal: Option<Goal>) -> Self {
        Self {
            ratio: 1.0 / duel.ours_by_theirs,
            ..Self::ratio(row, duel, goal)
        }
    }

    /// A figure of our own.
    pub fn limit(row: &'static str, unit: &'static str, figure: f64, most: Option<f64>) -> Self {
        Self {
            row,
            unit,
            ours: figure,
            theirs: None,
            ratio: figure,
            goal: most.map(Goal::AtMost),
        }
    }

    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(limit) => self.ratio <= limit,
            Goal::AtLeast(limit) => self.ratio >= limit,
        })
    }

    fn goal(&self) -> Option<String> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(limit) => format!("<= {limit}"),
            Goal::AtLeast(limit) => format!(">= {limit}"),
        })
    }
}

pub fn print(rows: &[Row]) {
    println!("| measured | unit | ours | theirs | ratio or figure | goal | met |");
    println!("|---|---|---:|---:|---:|---:|---|");
    for row in rows {
        println!(
            "| {} | {} | {:.1} | {} | {:.2} | {} | {} |",
            row.row,
            row.unit,
            row.ours,
            row.theirs
                .map_or("".to_owned(), |theirs| format!("{theirs:.1}")),
            row.ratio,
            row.goal().unwrap_or_default(),
            row.met().map_or("", |met| if met { "yes" } else { "no" }),
        );
    }
}

pub fn print_json(rows: &[Row]) {
    for row in rows {
        println!(
            "{}",
            json!({
                "row": row.row,
                "unit": row.unit,
                "ours": row.ours,
                "theirs": row.theirs,
                "ratio": row.ratio,
                "goal": row.goal(),
                "met": row.met(),
            })
        );
    }
}
