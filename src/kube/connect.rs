//! Reaches a cluster: which one, as whom, and in which namespace. Makes no calls.
use std::{
    env, io,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Request;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use tower::util::MapRequestLayer;

use super::{errors::chain, pace::Pace};

/// Where a pod finds the namespace that it runs in.
pub const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// A connection on which nothing comes for so long is dead: a watch gets a bookmark about once a minute.
const READ: Duration = Duration::from_secs(150);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The kubeconfig that was asked for is of no use.
    #[error("can't use the kubeconfig{}: {message}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
    Kubeconfig {
        /// The file, when one was named.
        path: Option<PathBuf>,
        /// What is wrong with it.
        message: String,
    },
    /// The pod's own credentials are of no use.
    #[error("can't use the service account of this pod: {0}")]
    InCluster(String),
    /// The client could not be made.
    #[error("can't make a Kubernetes client: {0}")]
    Client(String),
}

/// Makes a client for a cluster, found as controllers do: the kubeconfig given, else `KUBECONFIG`, else the pod's service
/// account, else `~/.kube/config`. A context names one of the kubeconfig's instead of its current one.
///
/// # Errors
/// Why not; nothing is sent yet, so an unreachable cluster shows only later.
pub async fn client(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, Failure> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => of_file(path, &options).await?,
        None if in_cluster(context) => {
            Config::incluster().map_err(|error| Failure::InCluster(chain(&error)))?
        }
        None => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| Failure::Kubeconfig { path: None, message: chain(&error) })?,
    };
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    // Else the time that a connection was idle before a request would count, too.
    config.reset_reader_on_write = true;
    let builder = ClientBuilder::try_from(config).map_err(|error| Failure::Client(chain(&error)))?;
    Ok(builder.with_layer(&MapRequestLayer::new(up_to_date)).with_layer(&Pace::default()).build())
}

/// Makes a streamed list hold all that was written before it was asked for. The watcher asks for "any version", and gets
/// what the server's cache happens to know: a server that lags would take us back in time.
fn up_to_date<B>(mut request: Request<B>) -> Request<B> {
    let query = request.uri().query().unwrap_or_default();
    if query.contains("sendInitialEvents=true") && query.contains("resourceVersion=0") {
        // An empty version asks for the newest one.
        let text = request.uri().to_string().replace("resourceVersion=0", "resourceVersion=");
        *request.uri_mut() = text.parse().unwrap_or_else(|_| request.uri().clone());
    }
    request
}

async fn of_file(path: &Path, options: &KubeConfigOptions) -> Result<Config, Failure> {
    let failure = |error| Failure::Kubeconfig { path: Some(path.to_owned()), message: chain(&error) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failure)?;
    Config::from_custom_kubeconfig(kubeconfig, options).await.map_err(failure)
}

fn in_cluster(context: Option<&str>) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    context.is_none() && !set("KUBECONFIG") && set("KUBERNETES_SERVICE_HOST")
}

/// Why there is no namespace.
#[derive(Debug, thiserror::Error)]
pub enum NoNamespace {
    /// Nobody said which.
    #[error(
        "Specifying namespace is mandatory. This can be done through the `-namespace` flag, the `POD_NAMESPACE` variable, \
         or the file {0}"
    )]
    Unspecified(PathBuf),
    /// The pod's file is there but can't be read.
    #[error("can't read the namespace from {0}: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// What was said can't be a namespace.
    #[error("{0:?} can't be a namespace: at most 63 lower-case letters, digits and dashes, none at the ends")]
    Invalid(String),
}

/// The namespace to work in: the flag's, else the environment's (`POD_NAMESPACE`), else the pod's own ([`NAMESPACE_FILE`]).
///
/// # Errors
/// When nobody says which, or what they say can't be one.
pub fn namespace(flag: Option<&str>, environment: Option<&str>, file: &Path) -> Result<String, NoNamespace> {
    let said =
        |value: Option<&str>| value.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
    let namespace = match said(flag).or_else(|| said(environment)) {
        Some(namespace) => namespace,
        None => said(of_pod(file)?.as_deref()).ok_or_else(|| NoNamespace::Unspecified(file.to_owned()))?,
    };
    if is_label(&namespace) { Ok(namespace) } else { Err(NoNamespace::Invalid(namespace)) }
}

fn of_pod(file: &Path) -> Result<Option<String>, NoNamespace> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NoNamespace::Unreadable(file.to_owned(), error)),
    }
}

/// An RFC 1123 label, as Kubernetes asks of namespaces.
fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 63 && !name.starts_with('-') && !name.ends_with('-') && name.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_environment_beats_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("namespace");
        let none = namespace(None, Some(""), &file).unwrap_err().to_string();
        assert!(none.starts_with(
            "Specifying namespace is mandatory. This can be done through the `-namespace` flag"
        ));
        std::fs::write(&file, "from-file\n").unwrap();
        assert_eq!(namespace(None, None, &file).unwrap(), "from-file");
        assert_eq!(namespace(Some(""), Some("from-env"), &file).unwrap(), "from-env");
        assert_eq!(namespace(Some("from-flag"), Some("from-env"), &file).unwrap(), "from-flag");
    }

    #[test]
    fn what_can_be_no_namespace_is_refused() {
        for name in ["A", "a_b", "-a", "a-", "a.b", &"a".repeat(64)] {
            let refused = namespace(Some(name), None, Path::new("none"));
            assert!(matches!(refused, Err(NoNamespace::Invalid(_))), "{name}");
        }
    }

    #[test]
    fn only_a_streamed_list_from_any_version_is_asked_for_anew() {
        let sent = |uri: &str| up_to_date(Request::get(uri).body(()).unwrap()).uri().to_string();
        assert_eq!(
            sent("/apis/x/v1/ws?&watch=true&sendInitialEvents=true&resourceVersion=0"),
            "/apis/x/v1/ws?&watch=true&sendInitialEvents=true&resourceVersion="
        );
        for same in [
            "/api/v1/pods?&watch=true&resourceVersion=0",
            "/apis/x/v1/ws?&sendInitialEvents=true",
            "/version",
        ] {
            assert_eq!(sent(same), same);
        }
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_named() {
        let failure =
            client(Some(Path::new("no/such/file")), None).await.map(|_| ()).unwrap_err().to_string();
        assert!(failure.starts_with("can't use the kubeconfig no/such/file: "), "{failure}");
    }
}
