//! The sandbox's own target in the place of the auth server, for what that one does not know.
use std::sync::Arc;

use teleport_operator::mapping;
use teleport_operator::sandbox::server::Sandbox as Server;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A target in this process, with every call of every kind; it ends with its runtime.
pub struct Sandbox {
    pub server: Arc<Server>,
    pub address: String,
    _runtime: Runtime,
}

impl Sandbox {
    /// An empty one on a free loopback port.
    pub fn start() -> Self {
        let target = Arc::new(mapping::embedded().expect("the embedded mappings are sound"));
        let server = Server::new(target);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        runtime.spawn(Arc::clone(&server).serve(listener, std::future::pending()));
        Self { server, address, _runtime: runtime }
    }

    /// The flags by which an operator reaches it.
    pub fn flags(&self) -> [&str; 3] {
        ["--insecure-plaintext", "--auth-server", &self.address]
    }
}
