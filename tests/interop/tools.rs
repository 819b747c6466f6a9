//! The tools that `scripts/interop-setup` installed, and the wallet under test.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use kms_signer::{
    KeyType, chain::ethereum::EthereumSigner, emulator::aws_kms::KmsEmulator,
    provider::aws_kms::AwsKmsSigner,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// More than any single answer takes. A tool that hangs fails the test instead of blocking the
/// build.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the tools are.
pub fn install_directory() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().unwrap().join("interop")
}

/// The path of an installed tool.
pub fn tool(path: &str) -> PathBuf {
    let tool = install_directory().join(path);
    assert!(
        tool.exists(),
        "{} is missing: run scripts/interop-setup",
        tool.display()
    );
    tool
}

/// A file of this folder.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(name)
}

/// An Ethereum account whose key is in the emulator, reached through the real SDK.
pub async fn account() -> (KmsEmulator, EthereumSigner<AwsKmsSigner>) {
    let emulator = KmsEmulator::start().await.unwrap();
    let arn = emulator.create_key(KeyType::Secp256k1).unwrap();
    let key = AwsKmsSigner::builder(arn)
        .emulator(emulator.endpoint_url(), emulator.region())
        .connect()
        .await
        .unwrap();
    (emulator, EthereumSigner::new(key).unwrap())
}

/// A process that answers a line of JSON with a line of JSON.
pub struct Oracle {
    pub name: &'static str,
    _process: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Oracle {
    /// ethers, viem and eth-account.
    pub fn all() -> [Self; 3] {
        let python = tool("venv/bin/python");
        [
            Self::start("ethers", Path::new("node"), "ethers.mjs"),
            Self::start("viem", Path::new("node"), "viem.mjs"),
            Self::start("eth-account", &python, "eth_account_oracle.py"),
        ]
    }

    /// The two whose reading of typed data matters: ethers, and eth-sig-util for MetaMask.
    pub fn of_typed_data() -> [Self; 2] {
        [
            Self::start("ethers", Path::new("node"), "ethers.mjs"),
            Self::start("eth-sig-util", Path::new("node"), "eth_sig_util.mjs"),
        ]
    }

    fn start(name: &'static str, interpreter: &Path, file: &str) -> Self {
        tool("stamp");
        let mut process = Command::new(interpreter)
            .arg(script(file))
            .env("INTEROP_DIR", install_directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", interpreter.display()));
        Self {
            name,
            requests: process.stdin.take().unwrap(),
            answers: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: process,
        }
    }

    /// The oracle's answer, which may be `{"unsupported": …}`. An error fails the test.
    pub async fn ask(&mut self, request: &Value) -> Value {
        let answer = self.consult(request).await;
        assert!(
            answer.get("error").is_none(),
            "{} on {}: {answer}",
            self.name,
            shown(request)
        );
        answer
    }

    /// The oracle's answer, which may be `{"error": …}` for what its library rejects.
    pub async fn consult(&mut self, request: &Value) -> Value {
        let shown = shown(request);
        self.requests
            .write_all(format!("{request}\n").as_bytes())
            .await
            .unwrap();
        let line = timeout(PATIENCE, self.answers.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{} did not answer {shown}", self.name));
        let line = line
            .unwrap()
            .unwrap_or_else(|| panic!("{} ended at {shown}", self.name));
        serde_json::from_str(&line).unwrap()
    }
}

/// A blob has 128 KiB, which is too long for a test's message.
fn shown(request: &Value) -> String {
    request.to_string().chars().take(400).collect()
}
