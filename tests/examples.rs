//! Runs the examples as a user does, and checks that they do what the README says.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use kms_signer::{KeyType, emulator::aws_kms::KmsEmulator};
use serde_json::Value;

/// Longer than any answer takes, so that only a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn example(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--locked", "--example", name, "--"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "fake")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .env_remove("KMS_KEY_ID")
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn quickstart_recovers_the_sender_it_signed_for() {
    let output = example("quickstart").arg("--json").output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stderr}");
    let object: Value = serde_json::from_str(&stdout).unwrap();
    let field = |name: &str| {
        object[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {stdout}"))
    };
    assert_eq!(field("recovered_sender"), field("address"));
    assert!(field("raw_transaction").starts_with("0x02"));
    assert_eq!(field("transaction_hash").len(), 66);
    assert!(field("public_key").starts_with("0x04"));
    assert_eq!(object.as_object().unwrap().len(), 5);

    let output = example("quickstart").output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stderr}");
    for label in [
        "address",
        "raw transaction",
        "transaction hash",
        "recovered sender",
    ] {
        assert!(stdout.contains(label), "no {label}: {stdout}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kms_test_prints_the_address_or_says_what_is_wrong() {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    emulator.create_alias("alias/sgn-signer", &arn).unwrap();
    let run = |key: &'static str| {
        let mut command = example("kms_test");
        command.args(["-r", emulator.region(), "-k", key, "--endpoint-url"]);
        command.arg(emulator.endpoint_url());
        let output = command.output().unwrap();
        (output.status.success(), text(&output))
    };
    // Guides for similar tools pass the bare alias name.
    let (success, (stdout, stderr)) = run("sgn-signer");
    assert!(success, "{stderr}");
    assert!(stdout.contains("Ethereum signer address: 0x"), "{stdout}");
    assert!(stdout.contains("Verified"), "{stdout}");

    let (success, (_, stderr)) = run("missing");
    assert!(!success);
    assert!(
        stderr.contains("alias/missing") && stderr.contains("not found"),
        "{stderr}"
    );

    emulator.set_enabled(&arn, false).unwrap();
    let (success, (_, stderr)) = run("alias/sgn-signer");
    assert!(!success);
    assert!(stderr.contains("aws kms enable-key"), "{stderr}");

    let ed25519 = emulator.create_key(KeyType::Ed25519).unwrap();
    emulator.create_alias("alias/algorand", &ed25519).unwrap();
    let (success, (_, stderr)) = run("algorand");
    assert!(!success);
    assert!(stderr.contains("use a key of type secp256k1"), "{stderr}");
}

#[test]
fn custom_provider_signs_and_passes_the_suite() {
    let output = example("custom_provider").output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("signed: SIGN with key tcp://"), "{stdout}");
    for verdict in [
        "retryable: false, access to the key was denied [DENIED]",
        "retryable: true, the key store is throttling requests [BUSY]",
        "retryable: true, the key store did not answer in time",
    ] {
        assert!(stdout.contains(verdict), "no `{verdict}`: {stdout}");
    }
    let lines = |start| stdout.lines().filter(move |line| line.starts_with(start));
    assert_eq!(lines("FAILED").count(), 0, "{stdout}");
    assert_eq!(lines("passed").count(), 13, "{stdout}");
    // A secp256k1 key has no messages.
    assert_eq!(lines("skipped").count(), 1, "{stdout}");
    assert!(!(stdout + &stderr).contains("token-that"));
}

/// Ends the example when the test ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // `cargo run` replaces itself by the example on Unix, so this ends the example.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn kms_emulator_serves_and_says_where() {
    let child = example("kms_emulator")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut guard = Guard(child);
    let mut lines = BufReader::new(guard.0.stdout.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("http://127.0.0.1:"));
    let line = line.expect("no endpoint was printed").unwrap();
    let start = line.find("127.0.0.1:").unwrap();
    let address: String = line[start..]
        .chars()
        .take_while(|character| character.is_ascii_digit() || ".:".contains(*character))
        .collect();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}
