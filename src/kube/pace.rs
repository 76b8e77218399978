//! Keeps a watch that ends as soon as it has begun from beginning again at once, as it does behind a proxy that cuts
//! streams: the watcher takes such an end for a normal one, and pauses only after errors. Slows down nothing else.
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service};

/// The shortest time from one beginning of a watch to the next.
const APART: Duration = Duration::from_secs(1);

/// When each path may be watched again.
type Next = Arc<Mutex<HashMap<String, Instant>>>;

/// Paces the watches of a client.
#[derive(Clone, Default)]
pub(super) struct Pace(Next);

impl<S> Layer<S> for Pace {
    type Service = Paced<S>;

    fn layer(&self, inner: S) -> Paced<S> {
        Paced { inner, next: self.0.clone() }
    }
}

/// A service whose watches are paced.
#[derive(Clone)]
pub(super) struct Paced<S> {
    inner: S,
    next: Next,
}

impl<S, B> Service<Request<B>> for Paced<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let start = watched(&request).map(|path| book(&self.next, path));
        // Nothing is sent before this is polled.
        let answer = self.inner.call(request);
        Box::pin(async move {
            if let Some(start) = start {
                sleep_until(start).await;
            }
            answer.await
        })
    }
}

fn watched<B>(request: &Request<B>) -> Option<&str> {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true").then(|| request.uri().path())
}

/// When this watch may begin; the next one of its path comes after it.
fn book(next: &Next, path: &str) -> Instant {
    let now = Instant::now();
    // The map is whole even if a thread died with the lock.
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    let free = next.entry(path.to_owned()).or_insert(now);
    let start = now.max(*free);
    *free = start + APART;
    start
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_watches_of_one_path_are_kept_apart() {
        let begun = Instant::now();
        let service = ServiceBuilder::new()
            .layer(Pace::default())
            .service(service_fn(|_: Request<()>| async move { Ok::<_, Infallible>(Instant::now()) }));
        let ask = |uri: &'static str| {
            let answer = service.clone().oneshot(Request::get(uri).body(()).unwrap());
            async move { (answer.await.unwrap() - begun).as_secs() }
        };
        assert_eq!(ask("/apis/x/v1/ws?&watch=true&resourceVersion=1").await, 0);
        assert_eq!(ask("/apis/x/v1/ws?&watch=true&resourceVersion=2").await, 1);
        assert_eq!(ask("/apis/x/v1/vs?&watch=true").await, 1);
        assert_eq!(ask("/apis/x/v1/ws").await, 1);
        assert_eq!(ask("/apis/x/v1/ws?watch=truely").await, 1);
        assert_eq!(ask("/apis/x/v1/ws?&watch=true&resourceVersion=3").await, 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(ask("/apis/x/v1/ws?&watch=true&resourceVersion=4").await, 62);
    }
}
