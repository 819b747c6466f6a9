//! boto3 and the AWS CLI use the emulator. The scripts assert what they see.

use std::{path::Path, process::Stdio, time::Duration};

use kms_signer::emulator::aws_kms::{KmsEmulator, Operation};
use tokio::{process::Command, time::timeout};

use crate::tools::{install_directory, script, tool};

const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a script without the AWS configuration and the proxy of the user who runs the test.
async fn run(interpreter: &Path, file: &str, arguments: &[&str]) {
    let tools = install_directory().join("venv/bin");
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(interpreter);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let child = command
        .arg(script(file))
        .args(arguments)
        .env("PATH", format!("{}:{path}", tools.display()))
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("timed out")
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    print!("{stdout}");
    assert!(
        output.status.success(),
        "{file}: {}\n{stdout}\n{stderr}",
        output.status
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_finds_kms() {
    let emulator = KmsEmulator::start().await.unwrap();
    let python = tool("venv/bin/python");
    run(&python, "emulator_boto3.py", &[&emulator.endpoint_url()]).await;
    assert!(
        emulator.calls(Operation::Sign) > 0,
        "the script called another server"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_cli_finds_kms() {
    let emulator = KmsEmulator::start().await.unwrap();
    tool("venv/bin/aws");
    run(
        Path::new("bash"),
        "emulator_aws_cli.sh",
        &[&emulator.endpoint_url()],
    )
    .await;
    assert!(
        emulator.calls(Operation::Sign) > 0,
        "the script called another server"
    );
}
