//! Small real servers for one test each: authorities and certificates, a Teleport's single port that routes by the
//! protocols of a handshake (as was observed on a real one), and a forward proxy.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use teleport_operator::teleport::address::Address;
use teleport_operator::teleport::trust::ClientIdentity;
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The cluster of all tests.
pub const CLUSTER: &str = "one.example";
/// The names that servers of a cluster have among themselves.
pub const HOST_NAMES: [&str; 3] = ["node", "*.teleport.cluster.local", "teleport.cluster.local"];

/// An authority.
pub struct Authority(pub CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Pair {
    pub certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, name);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn server(&self, names: &[&str]) -> Pair {
        self.server_in(names, -1, 1)
    }

    /// Valid from and until these days from now.
    pub fn server_in(&self, names: &[&str], from: i64, until: i64) -> Pair {
        let mut params = params(names, from, until);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signs").der().clone();
        Pair { certificate, key: key.serialize_der() }
    }

    /// Who a client is.
    pub fn client(&self, user: &str) -> ClientIdentity {
        let mut params = params(&[], -1, 1);
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signs").der().clone();
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let signer = aws_lc_rs::sign::any_supported_type(&private).expect("a key");
        Arc::new(CertifiedKey::new(vec![certificate], signer))
    }
}

fn params(names: &[&str], from: i64, until: i64) -> CertificateParams {
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut params = CertificateParams::new(names).expect("names");
    let now = OffsetDateTime::now_utc();
    params.not_before = now + time::Duration::days(from);
    params.not_after = now + time::Duration::days(until);
    params
}

/// As a proxy makes it for itself: an authority that is shown as a server.
pub fn own_certificate(names: &[&str], until: i64) -> Pair {
    own_certificate_of(KeyPair::generate().expect("a key"), names, until)
}

/// The same, of this key.
pub fn own_certificate_of(key: KeyPair, names: &[&str], until: i64) -> Pair {
    let mut params = params(names, -3, until);
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("signs").der().clone();
    Pair { certificate, key: key.serialize_der() }
}

impl Pair {
    /// A server with this certificate; `clients`: it knows users by this authority, and lets others in too.
    pub fn config(&self, protocols: &[&str], clients: Option<&Authority>) -> Arc<ServerConfig> {
        self.config_of(rustls::DEFAULT_VERSIONS, protocols, clients)
    }

    /// The same, with these versions of TLS.
    pub fn config_of(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&str],
        clients: Option<&Authority>,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der()).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder
                    .with_client_cert_verifier(verifier.allow_unauthenticated().build().expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(self.key.clone()).expect("a key");
        let mut config =
            builder.with_single_cert(vec![self.certificate.clone()], key).expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A listener on a free port of this machine; each connection is handled by `handle`.
pub async fn serve<H, F>(handle: H) -> SocketAddr
where
    H: Fn(TcpStream) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// As a client names it.
pub fn at(host: &str, address: SocketAddr) -> Address {
    format!("{host}:{}", address.port()).parse().expect("an address")
}

/// A TLS server that does no more than the handshake, and says a word so that nobody waits for it.
pub async fn tls(config: Arc<ServerConfig>) -> SocketAddr {
    serve(move |stream| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"hello").await;
                let _ = stream.read(&mut [0; 16]).await;
            }
        }
    })
    .await
}

/// An HTTPS server that answers every request with these bytes, and the requests that it saw.
pub async fn canned(pair: Pair, answer: Vec<u8>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let (config, seen) = (pair.config(&["http/1.1"], None), Arc::new(Mutex::new(Vec::new())));
    let (requests, answer) = (Arc::clone(&seen), Arc::new(answer));
    let address = serve(move |stream| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut stream = BufReader::new(stream);
            let (head, length) = head(&mut stream).await;
            let mut body = vec![0; length];
            let _ = stream.read_exact(&mut body).await;
            requests.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    (address, seen)
}

/// The head of a request, and the length of the body that follows.
async fn head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> (String, usize) {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        let read = stream.read_line(&mut head).await.unwrap_or_default();
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if read == 0 || line == "\r\n" {
            return (head, length);
        }
    }
}

/// What a forward proxy does with a request to connect.
#[derive(Clone, Copy)]
pub enum Forward {
    /// Connects to this address, whatever is asked for.
    To(SocketAddr),
    /// Answers with these bytes.
    Answer(&'static [u8]),
}

/// A forward proxy, and the requests that it saw.
pub async fn forward_proxy(tls: Option<Pair>, forward: Forward) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    let config = tls.map(|pair| pair.config(&["http/1.1"], None));
    let address = serve(move |stream| {
        let (requests, config) = (Arc::clone(&requests), config.clone());
        async move {
            match config {
                None => pass_on(stream, forward, requests).await,
                Some(config) => {
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        pass_on(stream, forward, requests).await;
                    }
                }
            }
        }
    })
    .await;
    (address, seen)
}

async fn pass_on(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    forward: Forward,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let (head, _) = head(&mut stream).await;
    seen.lock().unwrap().push(head);
    match forward {
        Forward::Answer(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
        Forward::To(address) => {
            let mut onward = TcpStream::connect(address).await.expect("connects");
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("writes");
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
        }
    }
}

/// What a server saw of a client's handshakes and calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saw {
    /// The server name and the protocols, in order, of a handshake.
    Hello(String, Vec<String>),
    /// A request to the web API.
    Web(String),
    /// A call, by whom, and the names of its headers.
    Call { path: String, user: Option<String>, headers: Vec<String> },
}

/// A Teleport at one port. What it is made of can be changed before it is started.
pub struct Teleport {
    pub host: Authority,
    pub web: Pair,
    pub is_proxy: bool,
    /// Before the proxy something ends TLS that knows nothing of protocols.
    pub is_behind_balancer: bool,
    pub ping: &'static str,
    pub saw: Arc<Mutex<Vec<Saw>>>,
}

pub const PING: &str = r#"{"auth":{"signature_algorithm_suite":2},
    "proxy":{"ssh":{"public_addr":"teleport.test:443"},"tls_routing_enabled":true},
    "server_version":"18.2.0","min_client_version":"17.0.0","cluster_name":"one.example"}"#;

impl Teleport {
    /// A proxy with its own certificate for these names, and the auth server behind it.
    pub fn proxy(names: &[&str]) -> Self {
        let web = own_certificate(names, 1);
        let host = Authority::new(CLUSTER);
        Self { host, web, is_proxy: true, is_behind_balancer: false, ping: PING, saw: Arc::default() }
    }

    pub fn auth() -> Self {
        Self { is_proxy: false, ..Self::proxy(&["unused"]) }
    }

    pub fn saw(&self) -> Vec<Saw> {
        std::mem::take(&mut self.saw.lock().unwrap())
    }

    pub async fn start(self) -> (SocketAddr, Arc<Self>) {
        let this = Arc::new(self);
        let served = Arc::clone(&this);
        let address = serve(move |stream| {
            let teleport = Arc::clone(&served);
            async move {
                if teleport.is_behind_balancer {
                    let config = teleport.web.config(&[], None);
                    if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                        teleport.web_api(stream).await;
                    }
                } else {
                    teleport.route(stream).await;
                }
            }
        })
        .await;
        (address, this)
    }

    /// By the first protocol of the handshake, as a proxy does.
    async fn route(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(handshake) = LazyConfigAcceptor::new(Default::default(), stream).await else { return };
        let hello = handshake.client_hello();
        let protocols = hello.alpn().into_iter().flatten();
        let protocols: Vec<_> =
            protocols.map(|protocol| String::from_utf8_lossy(protocol).into_owned()).collect();
        let name = hello.server_name().unwrap_or_default().to_owned();
        self.saw.lock().unwrap().push(Saw::Hello(name, protocols.clone()));
        let first = protocols.first().map(String::as_str).unwrap_or_default();
        let hex: String = CLUSTER.bytes().map(|byte| format!("{byte:02x}")).collect();
        let host = self.host.server(&HOST_NAMES);
        if !self.is_proxy || first == format!("teleport-auth@{hex}.teleport.cluster.local") {
            let config = host.config(&["h2", "http/1.1"], Some(&self.host));
            let Ok(stream) = handshake.into_stream(config).await else { return };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                let shown = stream.get_ref().1.peer_certificates();
                let user = shown.and_then(|shown| user(&shown[0]));
                self.grpc(stream, user).await;
            } else {
                self.web_api(stream).await;
            }
            return;
        }
        match first {
            "" | "http/1.1" | "h2" | "teleport-reversetunnel" => {
                let config = self.web.config(&["http/1.1", "h2", "teleport-reversetunnel"], None);
                let Ok(stream) = handshake.into_stream(config).await else { return };
                self.web_api(stream).await;
            }
            "teleport-proxy-grpc" => {
                let pair = if self.is_behind_balancer { &host } else { &self.web };
                let Ok(stream) = handshake.into_stream(pair.config(&["h2"], None)).await else { return };
                self.grpc(stream, None).await;
            }
            // Anything else is closed within the handshake.
            _ => {}
        }
    }

    async fn web_api(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request: Request<Incoming>| {
            let teleport = Arc::clone(&self);
            async move { Ok::<_, Infallible>(teleport.answer(request)) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let _ = connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }

    fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        self.saw.lock().unwrap().push(Saw::Web(path.clone()));
        let response = Response::builder();
        if !self.is_proxy {
            let missing = r#"{"error":{"message":"not found"}}"#;
            return response.status(StatusCode::NOT_FOUND).body(missing.into()).expect("a response");
        }
        match path.as_str() {
            "/webapi/find" | "/webapi/ping" => {
                response.header("content-type", "application/json").body(self.ping.into())
            }
            "/webapi/connectionupgrade" => {
                let header = |name| request.headers().get(name).map(|value| value.as_bytes().to_vec());
                let (key, protocol) =
                    (header("sec-websocket-key").expect("a key"), header("sec-websocket-protocol"));
                tokio::spawn(async move {
                    let upgraded = hyper::upgrade::on(&mut request).await.expect("upgrades");
                    self.route(pipe(TokioIo::new(upgraded)).await).await;
                });
                response
                    .status(StatusCode::SWITCHING_PROTOCOLS)
                    .header("connection", "Upgrade")
                    .header("upgrade", "websocket")
                    .header("sec-websocket-accept", derive_accept_key(&key))
                    .header("sec-websocket-protocol", protocol.expect("a protocol"))
                    .body(Full::default())
            }
            _ => response.status(StatusCode::NOT_FOUND).body(Full::default()),
        }
        .expect("a response")
    }

    async fn grpc(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        user: Option<String>,
    ) {
        let service = service_fn(move |request: Request<Incoming>| {
            let headers = request.headers().keys().map(ToString::to_string).collect();
            let path = request.uri().path().to_owned();
            self.saw.lock().unwrap().push(Saw::Call { path: path.clone(), user: user.clone(), headers });
            let answer = match path.as_str() {
                "/proto.AuthService/Ping" => Some([field(1, CLUSTER), field(2, "18.2.1")].concat()),
                "/proto.AuthService/GetClusterCACert" => Some(field(1, &self.host.pem())),
                _ => None,
            };
            async move { Ok::<_, Infallible>(grpc_response(answer)) }
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// The common name in a certificate.
fn user(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    Some(name)
}

/// A field of a message.
fn field(number: u32, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::string::encode(number, &text.to_owned(), &mut bytes);
    bytes
}

fn grpc_response(message: Option<Vec<u8>>) -> Response<BoxBody<Bytes, Infallible>> {
    let mut frames = Vec::new();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", if message.is_some() { 0.into() } else { 12.into() });
    if let Some(message) = message {
        let length = u32::try_from(message.len()).expect("short").to_be_bytes();
        frames.push(Ok(Frame::data([&[0][..], &length, &message].concat().into())));
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let body = BodyExt::boxed(StreamBody::new(futures::stream::iter(frames)));
    Response::builder().header("content-type", "application/grpc").body(body).expect("a response")
}

/// The bytes in a WebSocket's messages as a stream, on the server's side, with a ping before each message.
pub async fn pipe(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> tokio::io::DuplexStream {
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let (near, far) = tokio::io::duplex(64 << 10);
    let (mut sink, mut frames) = socket.split();
    let (mut reader, mut writer) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Some(Ok(message)) = frames.next().await {
            match message {
                Message::Binary(bytes) if writer.write_all(&bytes).await.is_ok() => {}
                Message::Pong(_) => {}
                _ => break,
            }
        }
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            let data = Message::Binary(Bytes::copy_from_slice(&buffer[..read]));
            if sink.feed(Message::Ping(Bytes::new())).await.is_err() || sink.send(data).await.is_err() {
                break;
            }
        }
        let _ = sink.close().await;
    });
    near
}
