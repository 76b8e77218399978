//! A line to the server that can be cut.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kube::{Client, Config, config::KubeConfigOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch::channel,
};

use crate::kubernetes::Kubernetes;

/// Stands between a client and the server, and can cut the line.
pub struct Line {
    config: Config,
    open: Arc<AtomicBool>,
    cut: tokio::sync::watch::Sender<()>,
}

impl Line {
    pub async fn to(kubernetes: &Kubernetes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kubeconfig = kube::config::Kubeconfig::read_from(kubernetes.kubeconfig()).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let server = config.cluster_url.authority().unwrap().to_string();
        config.cluster_url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (cut, line) = channel(());
        let open = Arc::new(AtomicBool::new(true));
        let is_open = open.clone();
        tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let (mut line, server) = (line.clone(), server.clone());
                line.mark_unchanged();
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        _ = line.changed() => {}
                    }
                });
            }
        });
        Self { config, open, cut }
    }

    pub fn client(&self) -> Client {
        Client::try_from(self.config.clone()).unwrap()
    }

    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.send(()).unwrap();
    }

    pub fn reopen(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}
