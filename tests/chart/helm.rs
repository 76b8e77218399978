//! Runs the real Helm, which `tests/peers/build.sh` builds, with its own folders for all that it keeps. Knows no chart but
//! ours.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The chart of this project.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/teleport-operator")
}

/// A file or folder of these tests.
pub fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart").join(path)
}

/// Helm, with a kubeconfig or without.
pub struct Helm {
    folder: TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// Helm without a cluster.
    pub fn alone() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), kubeconfig: None }
    }

    /// Helm for a cluster.
    pub fn of(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), ..Self::alone() }
    }

    /// A file that goes with this.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Runs it, whether it succeeds or not.
    pub fn try_run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        let folder = |name: &str| self.folder.path().join(name);
        let nowhere = folder("no-kubeconfig");
        Command::new(binary())
            .args(arguments)
            .env("HELM_CACHE_HOME", folder("cache"))
            .env("HELM_CONFIG_HOME", folder("config"))
            .env("HELM_DATA_HOME", folder("data"))
            .env("KUBECONFIG", self.kubeconfig.as_ref().unwrap_or(&nowhere))
            .stdin(Stdio::null())
            .output()
            .expect("helm starts")
    }

    /// Runs it, and gives what it prints.
    ///
    /// # Panics
    /// When it fails, with what it said.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let output = self.try_run(arguments);
        assert!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What the chart makes of a values file, in the order in which it stands.
    pub fn template(&self, values: &Path, more: &[&str]) -> Vec<Value> {
        self.template_of(&chart(), values, more)
    }

    /// What a chart makes of a values file.
    pub fn template_of(&self, chart: &Path, values: &Path, more: &[&str]) -> Vec<Value> {
        documents(&self.run(rendering(chart, values, more)))
    }

    /// Why the chart refuses a values file.
    pub fn refusal(&self, values: &str) -> String {
        let values = self.file("refused.yaml", values);
        let output = self.try_run(rendering(&chart(), &values, &[]));
        assert!(!output.status.success(), "it is rendered");
        String::from_utf8(output.stderr).expect("UTF-8")
    }
}

fn rendering(chart: &Path, values: &Path, more: &[&str]) -> Vec<String> {
    let (chart, values) = (chart.display().to_string(), values.display().to_string());
    let arguments =
        ["template", "operator", &chart, "--namespace", "teleport-iac", "--values", &values].into_iter();
    arguments.chain(more.iter().copied()).map(str::to_owned).collect()
}

/// The documents of a stream.
pub fn documents(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The program.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/build.sh");
        let built = Command::new(script).arg("helm").stderr(Stdio::inherit()).output();
        let built = built.expect("tests/peers/build.sh runs");
        assert!(built.status.success(), "tests/peers/build.sh helm failed");
        Path::new(String::from_utf8(built.stdout).expect("a path in UTF-8").trim()).join("helm")
    })
}
