//! An inventory in memory behind the API of `proto/inventory/v1/inventory.proto`: etags, pages, conditional updates.
//! Written against the API alone, without anything of the operator's: it is a peer, not a part. Keeps nothing on disk.
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::ready;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures::stream;
use prost::Message;
use prost_types::{Duration, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::Grpc;
use tonic::transport::server::{Server, ServerTlsConfig, TcpIncoming};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// What the paths of all calls begin with.
pub const SERVICE: &str = "/inventory.v1.InventoryService/";
/// Widgets a page where the request doesn't say, and at most.
const PAGE: usize = 25;
/// Events that one who watches may leave unread.
const UNREAD: usize = 1024;

/// What every resource has.
#[derive(Clone, PartialEq, Message)]
pub struct ObjectInfo {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(map = "string, string", tag = "2")]
    pub tags: HashMap<String, String>,
    #[prost(string, tag = "3")]
    pub note: String,
    #[prost(string, tag = "4")]
    pub etag: String,
}

/// A thing that the workshop has.
#[derive(Clone, PartialEq, Message)]
pub struct Widget {
    #[prost(message, optional, tag = "1")]
    pub info: Option<ObjectInfo>,
    #[prost(message, optional, tag = "2")]
    pub spec: Option<WidgetSpec>,
    #[prost(message, optional, tag = "3")]
    pub status: Option<WidgetStatus>,
}

/// What its owner says of a widget.
#[derive(Clone, PartialEq, Message)]
pub struct WidgetSpec {
    #[prost(string, tag = "1")]
    pub title: String,
    #[prost(enumeration = "Condition", tag = "2")]
    pub condition: i32,
    #[prost(uint32, tag = "3")]
    pub count: u32,
    #[prost(message, optional, tag = "4")]
    pub size: Option<Size>,
    #[prost(map = "string, message", tag = "5")]
    pub parts: HashMap<String, Part>,
    #[prost(string, repeated, tag = "6")]
    pub colours: Vec<String>,
    #[prost(oneof = "Place", tags = "7, 8")]
    pub place: Option<Place>,
    #[prost(message, optional, tag = "9")]
    pub bought_at: Option<Timestamp>,
    #[prost(message, optional, tag = "10")]
    pub service_interval: Option<Duration>,
    #[prost(string, tag = "11")]
    pub locker_code: String,
}

/// What the server says of a widget.
#[derive(Clone, PartialEq, Message)]
pub struct WidgetStatus {
    #[prost(message, optional, tag = "1")]
    pub created_at: Option<Timestamp>,
    #[prost(uint64, tag = "2")]
    pub writes: u64,
}

/// What a widget is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Condition {
    Unspecified = 0,
    New = 1,
    Used = 2,
    Broken = 3,
}

/// Where a widget is.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Place {
    #[prost(message, tag = "7")]
    Shelf(Shelf),
    #[prost(string, tag = "8")]
    LentTo(String),
}

/// In millimetres.
#[derive(Clone, PartialEq, Message)]
pub struct Size {
    #[prost(double, tag = "1")]
    pub width: f64,
    #[prost(double, tag = "2")]
    pub height: f64,
    #[prost(double, tag = "3")]
    pub depth: f64,
}

/// A part of a widget.
#[derive(Clone, PartialEq, Message)]
pub struct Part {
    #[prost(string, tag = "1")]
    pub material: String,
    #[prost(uint32, tag = "2")]
    pub count: u32,
    #[prost(message, optional, tag = "3")]
    pub size: Option<Size>,
}

/// A shelf in the workshop.
#[derive(Clone, PartialEq, Message)]
pub struct Shelf {
    #[prost(string, tag = "1")]
    pub aisle: String,
    #[prost(int32, tag = "2")]
    pub level: i32,
}

/// How the workshop is run.
#[derive(Clone, PartialEq, Message)]
pub struct Settings {
    #[prost(message, optional, tag = "1")]
    pub info: Option<ObjectInfo>,
    #[prost(message, optional, tag = "2")]
    pub spec: Option<SettingsSpec>,
}

/// What its owner says of a workshop.
#[derive(Clone, PartialEq, Message)]
pub struct SettingsSpec {
    #[prost(string, tag = "1")]
    pub workshop: String,
    #[prost(message, optional, tag = "2")]
    pub default_service_interval: Option<Duration>,
    #[prost(map = "string, string", tag = "3")]
    pub hours: HashMap<String, String>,
    #[prost(bool, tag = "4")]
    pub lending: bool,
}

/// Requests and answers without content.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Nothing {}

/// Who answers.
#[derive(Clone, PartialEq, Message)]
pub struct ServerInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

/// Which widget to get or, with its etag, to delete.
#[derive(Clone, PartialEq, Message)]
pub struct WidgetId {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub etag: String,
}

/// Which page of the widgets.
#[derive(Clone, PartialEq, Message)]
pub struct ListWidgetsRequest {
    #[prost(int32, tag = "1")]
    pub page_size: i32,
    #[prost(string, tag = "2")]
    pub page_token: String,
}

/// A page of widgets.
#[derive(Clone, PartialEq, Message)]
pub struct ListWidgetsResponse {
    #[prost(message, repeated, tag = "1")]
    pub widgets: Vec<Widget>,
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// A widget to create or to update.
#[derive(Clone, PartialEq, Message)]
pub struct WriteWidgetRequest {
    #[prost(message, optional, tag = "1")]
    pub widget: Option<Widget>,
}

/// Settings to put.
#[derive(Clone, PartialEq, Message)]
pub struct PutSettingsRequest {
    #[prost(message, optional, tag = "1")]
    pub settings: Option<Settings>,
}

/// What happened to a widget.
#[derive(Clone, PartialEq, Message)]
pub struct WidgetEvent {
    #[prost(oneof = "Happened", tags = "1, 2")]
    pub event: Option<Happened>,
}

/// One of two things can happen.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Happened {
    #[prost(message, boxed, tag = "1")]
    Written(Box<Widget>),
    #[prost(string, tag = "2")]
    DeletedId(String),
}

/// An inventory.
#[derive(Default)]
pub struct Inventory(Mutex<State>);

#[derive(Default)]
struct State {
    widgets: BTreeMap<String, Widget>,
    settings: Option<Settings>,
    writes: u64,
    watchers: Vec<Sender<WidgetEvent>>,
}

/// Who may call.
#[derive(Default, Clone)]
pub struct Guard {
    /// The server's certificate, and whose certificates it takes; none: no encryption.
    pub tls: Option<ServerTlsConfig>,
    /// What calls must carry as a bearer's token.
    pub token: Option<String>,
}

impl Inventory {
    /// Serves until the listener breaks.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        guard: Guard,
    ) -> Result<(), tonic::transport::Error> {
        let expected = guard.token.map(|token| format!("Bearer {token}"));
        let service = service_fn(move |request: http::Request<Body>| {
            let (inventory, expected) = (Arc::clone(&self), expected.clone());
            async move {
                let carried = request.headers().get("authorization").and_then(|value| value.to_str().ok());
                let refused = Status::unauthenticated("the call carries no token, or a wrong one");
                Ok::<_, Infallible>(match expected {
                    Some(expected) if carried != Some(&expected) => refused.into_http(),
                    _ => inventory.answer(request).await,
                })
            }
        });
        let mut server = Server::builder();
        if let Some(tls) = guard.tls {
            server = server.tls_config(tls)?;
        }
        server.serve_with_incoming(service, TcpIncoming::from(listener)).await
    }

    async fn answer(&self, request: http::Request<Body>) -> http::Response<Body> {
        let path = request.uri().path().to_owned();
        match path.strip_prefix(SERVICE).unwrap_or_default() {
            "GetServerInfo" => unary(request, |_: Nothing| Ok(info())).await,
            "GetWidget" => unary(request, |asked: WidgetId| self.state().widget(&asked.id).cloned()).await,
            "ListWidgets" => unary(request, |asked| Ok(self.state().page(&asked))).await,
            "CreateWidget" => unary(request, |asked| self.state().create(asked)).await,
            "UpdateWidget" => unary(request, |asked| self.state().update(asked)).await,
            "DeleteWidget" => unary(request, |asked| self.state().delete(&asked)).await,
            "WatchWidgets" => {
                let events = self.state().watch();
                watch(request, events).await
            }
            "GetSettings" => unary(request, |_: Nothing| self.state().settings()).await,
            "PutSettings" => unary(request, |asked| self.state().put_settings(asked)).await,
            "ResetSettings" => unary(request, |_: Nothing| self.state().reset_settings()).await,
            _ => Status::unimplemented(format!("there is no {path} here")).into_http(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call: reads the request, does what is asked, writes the answer.
async fn unary<Asked, Answer>(
    request: http::Request<Body>,
    act: impl Fn(Asked) -> Result<Answer, Status>,
) -> http::Response<Body>
where
    Asked: Message + Default + 'static,
    Answer: Message + Default + 'static,
{
    let service = service_fn(|asked: Request<Asked>| ready(act(asked.into_inner()).map(Response::new)));
    Grpc::new(ProstCodec::<Answer, Asked>::default()).unary(service, request).await
}

/// A call that is answered with all that is received from now on.
async fn watch(request: http::Request<Body>, events: Receiver<WidgetEvent>) -> http::Response<Body> {
    let events = stream::unfold(events, |mut events| async {
        let event = events.recv().await?;
        Some((Ok::<_, Status>(event), events))
    });
    let mut events = Some(Box::pin(events));
    let service = service_fn(move |_: Request<Nothing>| {
        let again = || Status::internal("one request has one answer");
        ready(events.take().map(Response::new).ok_or_else(again))
    });
    Grpc::new(ProstCodec::<WidgetEvent, Nothing>::default()).server_streaming(service, request).await
}

fn info() -> ServerInfo {
    ServerInfo { name: "workshop".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

impl State {
    fn widget(&self, id: &str) -> Result<&Widget, Status> {
        self.widgets.get(id).ok_or_else(|| Status::not_found(format!("there is no widget {id}")))
    }

    fn page(&self, asked: &ListWidgetsRequest) -> ListWidgetsResponse {
        let size =
            usize::try_from(asked.page_size).ok().filter(|size| (1..=PAGE).contains(size)).unwrap_or(PAGE);
        let after = match asked.page_token.as_str() {
            "" => Bound::Unbounded,
            last => Bound::Excluded(last),
        };
        let mut rest = self.widgets.range::<str, _>((after, Bound::Unbounded));
        let widgets: Vec<_> = rest.by_ref().take(size).map(|(_, widget)| widget.clone()).collect();
        let more = rest.next().is_some();
        let last = widgets.last().and_then(|widget| widget.info.as_ref()).filter(|_| more);
        let next_page_token = last.map(|info| info.id.clone()).unwrap_or_default();
        ListWidgetsResponse { widgets, next_page_token }
    }

    fn create(&mut self, asked: WriteWidgetRequest) -> Result<Widget, Status> {
        let widget = checked(asked)?;
        let id = widget.info.clone().unwrap_or_default().id;
        if self.widgets.contains_key(&id) {
            return Err(Status::already_exists(format!("there is a widget {id} already")));
        }
        let status = WidgetStatus { created_at: Some(SystemTime::now().into()), writes: 0 };
        Ok(self.put(widget, status))
    }

    fn update(&mut self, asked: WriteWidgetRequest) -> Result<Widget, Status> {
        let widget = checked(asked)?;
        let info = widget.info.clone().unwrap_or_default();
        let stored = self.unchanged(&info.id, &info.etag)?;
        let status = stored.status.clone().unwrap_or_default();
        Ok(self.put(widget, status))
    }

    fn delete(&mut self, asked: &WidgetId) -> Result<Nothing, Status> {
        self.unchanged(&asked.id, &asked.etag)?;
        self.widgets.remove(&asked.id);
        self.tell(Happened::DeletedId(asked.id.clone()));
        Ok(Nothing {})
    }

    /// What is stored, if it is what the caller has seen.
    fn unchanged(&self, id: &str, etag: &str) -> Result<&Widget, Status> {
        let stored = self.widget(id)?;
        if stored.info.as_ref().is_some_and(|info| info.etag == etag) {
            return Ok(stored);
        }
        Err(Status::aborted(format!("the widget {id} has changed since: its etag is another")))
    }

    fn put(&mut self, mut widget: Widget, mut status: WidgetStatus) -> Widget {
        let etag = self.next_etag();
        let info = widget.info.get_or_insert_default();
        info.etag = etag;
        let id = info.id.clone();
        status.writes += 1;
        widget.status = Some(status);
        self.widgets.insert(id, widget.clone());
        self.tell(Happened::Written(Box::new(widget.clone())));
        widget
    }

    fn watch(&mut self) -> Receiver<WidgetEvent> {
        let (sender, receiver) = channel(UNREAD);
        self.watchers.push(sender);
        receiver
    }

    /// Who reads too slowly, or not at all any more, is told nothing more: the end of a stream says that something was
    /// missed.
    fn tell(&mut self, happened: Happened) {
        let event = WidgetEvent { event: Some(happened) };
        self.watchers.retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }

    fn settings(&self) -> Result<Settings, Status> {
        self.settings.clone().ok_or_else(|| Status::not_found("the workshop has no settings yet"))
    }

    fn put_settings(&mut self, asked: PutSettingsRequest) -> Result<Settings, Status> {
        let mut settings =
            asked.settings.ok_or_else(|| Status::invalid_argument("the settings are missing"))?;
        settings.info.get_or_insert_default().etag = self.next_etag();
        self.settings = Some(settings.clone());
        Ok(settings)
    }

    fn reset_settings(&mut self) -> Result<Nothing, Status> {
        self.settings()?;
        self.settings = None;
        Ok(Nothing {})
    }

    fn next_etag(&mut self) -> String {
        self.writes += 1;
        format!("w{:x}", self.writes)
    }
}

fn checked(asked: WriteWidgetRequest) -> Result<Widget, Status> {
    let widget = asked.widget.ok_or_else(|| Status::invalid_argument("the widget is missing"))?;
    if widget.info.as_ref().is_none_or(|info| info.id.is_empty()) {
        return Err(Status::invalid_argument("the widget has no id"));
    }
    if widget.spec.as_ref().is_none_or(|spec| spec.title.is_empty()) {
        return Err(Status::invalid_argument("the widget has no title"));
    }
    Ok(widget)
}
