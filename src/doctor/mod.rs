//! Goes the operator's whole way once, step by step, and says of each step whether it holds and what to do if not. Reads
//! only; what depends on a step that failed is left out with the reason.
mod kubernetes;
mod permissions;
mod schema;
mod target;
mod teleport;

use serde::Serialize;

use crate::app::{Config, Connect};
use crate::kube::connect;
use crate::mapping::plan::Target;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is looked at.
    pub name: String,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl Check {
    fn passed(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: State::Passed, detail: detail.into(), advice: None }
    }

    fn failed(name: &str, detail: impl Into<String>) -> Self {
        Self { state: State::Failed, ..Self::passed(name, detail) }
    }

    fn skipped(name: &str, detail: impl Into<String>) -> Self {
        Self { state: State::Skipped, ..Self::passed(name, detail) }
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Takes steps as they are done.
pub type Told<'a> = &'a mut (dyn FnMut(Check) + Send);

/// Looks at everything that an operator with this configuration needs.
pub async fn examine(config: &Config, plan: &Target, tell: Told<'_>) {
    const CLIENT: &str = "Kubernetes credentials";
    match connect::client(config.kubeconfig.as_deref(), config.context.as_deref()).await {
        Ok(client) => kubernetes::examine(&client, config, plan, tell).await,
        Err(error) => {
            let failed = Check::failed(CLIENT, error.to_string());
            tell(failed.advice("give --kubeconfig, or run where the pod's service account is mounted"));
        }
    }
    match &config.connect {
        Connect::Teleport(settings) => teleport::examine(settings, plan, tell).await,
        Connect::Secure(..) | Connect::Plaintext(_) => target::examine(&config.connect, plan, tell).await,
    }
}
