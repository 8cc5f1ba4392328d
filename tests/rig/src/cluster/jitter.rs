//! Clients that hesitate. A test is right only if it holds however fast the rest of the cluster is, compared with the test itself: with a
//! random delay before each of its requests, whatever it relies on by chance comes out.

use futures::future::BoxFuture;
use http::Response;
use kube::Client;
use kube::client::{ClientBuilder, DynBody};
use kube::config::Config;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tower::BoxError;
use tower::util::MapFutureLayer;

/// The longest delay before a request of an administrator's client, in milliseconds. Unset or 0: none.
pub const JITTER: &str = "DITTOFS_TEST_JITTER";

/// What a request comes to. Nothing is sent before it is polled.
type Answer = BoxFuture<'static, Result<Response<Box<DynBody>>, BoxError>>;

/// A client with these delays.
pub(crate) fn client(config: Config) -> kube::Result<Client> {
    let longest = std::env::var(JITTER).ok();
    let Some(longest) = longest.and_then(|text| text.parse().ok().filter(|&ms| ms > 0)) else {
        return Client::try_from(config);
    };
    let late = MapFutureLayer::new(move |answer: Answer| async move {
        tokio::time::sleep(up_to(longest)).await;
        answer.await
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&late).build())
}

/// Half of all requests are not delayed.
fn up_to(longest: u64) -> Duration {
    let random = RandomState::new().hash_one(longest);
    let delay = if random.is_multiple_of(2) {
        (random / 2) % longest
    } else {
        0
    };
    Duration::from_millis(delay)
}
