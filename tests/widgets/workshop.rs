//! An inventory's server in this process: one port as its guard says, and an open one for the test, which sees and changes
//! things by the API as anybody does.
use std::collections::BTreeMap;
use std::sync::Arc;

use http::uri::PathAndQuery;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::transport::server::ServerTlsConfig;
use tonic::transport::{Certificate, Channel, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::authority::{Authority, Pair};
use crate::inventory::{
    Guard, Inventory, ListWidgetsRequest, ListWidgetsResponse, Nothing, SERVICE, Settings, Widget, WidgetId,
    WriteWidgetRequest,
};

/// A server that runs until it is dropped.
pub struct Workshop {
    runtime: Runtime,
    address: String,
    open: Channel,
}

impl Workshop {
    /// Serves an empty inventory.
    pub fn start(guard: Guard) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let inventory = Arc::new(Inventory::default());
        let serve = |guard| {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
            let address = listener.local_addr().expect("bound").to_string();
            runtime.spawn(Arc::clone(&inventory).serve(listener, guard));
            address
        };
        let (address, open) = (serve(guard), serve(Guard::default()));
        let open = Endpoint::from_shared(format!("http://{open}")).expect("an address");
        let open = runtime.block_on(async { open.connect_lazy() });
        Self { runtime, address, open }
    }

    /// Where the guarded port is: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call.
    pub fn ask<Asked, Answer>(&self, method: &str, asked: Asked) -> Result<Answer, Status>
    where
        Asked: Message + 'static,
        Answer: Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(format!("{SERVICE}{method}")).expect("a path");
        let mut client = Grpc::new(self.open.clone());
        self.runtime.block_on(async {
            client.ready().await.expect("it listens");
            let codec = ProstCodec::<Asked, Answer>::default();
            client.unary(Request::new(asked), path, codec).await.map(tonic::Response::into_inner)
        })
    }

    /// All widgets by id, read in small pages.
    pub fn widgets(&self) -> BTreeMap<String, Widget> {
        let (mut widgets, mut asked) =
            (BTreeMap::new(), ListWidgetsRequest { page_size: 2, page_token: String::new() });
        loop {
            let page: ListWidgetsResponse = self.ask("ListWidgets", asked.clone()).expect("lists");
            widgets.extend(page.widgets.into_iter().map(|widget| (id(&widget), widget)));
            asked.page_token = page.next_page_token;
            if asked.page_token.is_empty() {
                return widgets;
            }
        }
    }

    /// A widget, if there is one.
    pub fn widget(&self, id: &str) -> Option<Widget> {
        found(self.ask("GetWidget", WidgetId { id: id.to_owned(), ..WidgetId::default() }))
    }

    /// The settings, if they are set.
    pub fn settings(&self) -> Option<Settings> {
        found(self.ask("GetSettings", Nothing {}))
    }

    /// Creates a widget as somebody else than the operator.
    pub fn create(&self, widget: Widget) {
        let made: Widget =
            self.ask("CreateWidget", WriteWidgetRequest { widget: Some(widget) }).expect("creates");
        assert_ne!(made.info.expect("it has one").etag, "");
    }

    /// Changes a widget behind the operator's back.
    pub fn change(&self, id: &str, change: impl Fn(&mut Widget)) {
        let mut widget = self.widget(id).expect("it is there");
        change(&mut widget);
        let asked = WriteWidgetRequest { widget: Some(widget) };
        let _: Widget = self.ask("UpdateWidget", asked).expect("nobody else writes now");
    }

    /// Deletes a widget behind the operator's back.
    pub fn delete(&self, id: &str) {
        let etag = self.widget(id).and_then(|widget| widget.info).expect("it is there").etag;
        let _: Nothing = self.ask("DeleteWidget", WidgetId { id: id.to_owned(), etag }).expect("deletes");
    }
}

fn found<T>(answer: Result<T, Status>) -> Option<T> {
    match answer {
        Err(status) if status.code() == Code::NotFound => None,
        answer => Some(answer.expect("answers")),
    }
}

fn id(widget: &Widget) -> String {
    widget.info.as_ref().expect("every widget has one").id.clone()
}

/// TLS with this certificate, and with clients whose certificates are of this authority, if any.
pub fn tls(pair: &Pair, clients: Option<&Authority>) -> Guard {
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(&pair.certificate, &pair.key));
    let tls = match clients {
        Some(authority) => tls.client_ca_root(Certificate::from_pem(authority.pem())),
        None => tls,
    };
    Guard { tls: Some(tls), token: None }
}
