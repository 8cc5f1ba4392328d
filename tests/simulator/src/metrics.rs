//! The metrics port: a small page for Prometheus, and all of it true. Names that the real server
//! has mean the same here; `dittofs_simulator_…` are our own.

use std::{fmt, fs, net::SocketAddr, sync::Arc};

use crate::sent::Sent;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use tracing::info;

use crate::{
    config::{ConfigError, MetricsSettings},
    control::{Control, Shared},
    simulator::{self, StartError},
    tls::{self, Renewal},
    transport::Entrance,
};

/// The metrics port, open but not served yet.
pub(crate) struct Metrics {
    pub(crate) addr: SocketAddr,
    entrance: Entrance,
    page: Arc<Page>,
}

/// What clients see, and who may.
struct Page {
    path: String,
    /// What `Authorization` must be.
    authorization: Option<HeaderValue>,
    control: Shared,
}

impl Metrics {
    /// Reads the token and the certificate, and opens the port.
    pub(crate) async fn open(
        settings: &MetricsSettings,
        control: &Shared,
    ) -> Result<Self, StartError> {
        let authorization = authorization(settings)?;
        let tls = settings.tls.as_ref();
        let tls = tls
            .map(|settings| tls::acceptor("metrics.tls", settings, Renewal::Never))
            .transpose()?;
        let (listener, addr) =
            simulator::listen("metrics.port", &settings.host, settings.port).await?;
        info!(%addr, tls = tls.is_some(), token = authorization.is_some(), "metrics are served");
        Ok(Self {
            addr,
            entrance: Entrance {
                listener,
                tls,
                stopping: control.stopping.clone(),
                drain_limit: control.settings.shutdown_timeout,
            },
            page: Arc::new(Page {
                path: settings.path.clone(),
                authorization,
                control: Arc::clone(control),
            }),
        })
    }

    /// Serves until it is told to stop.
    pub(crate) async fn serve(self) {
        let page = self.page;
        self.entrance
            .serve(move |request| {
                let response = page.respond(&request);
                std::future::ready(Ok(response))
            })
            .await;
    }
}

/// The token is in a file, of which the space around it does not count.
fn authorization(settings: &MetricsSettings) -> Result<Option<HeaderValue>, ConfigError> {
    let Some(path) = &settings.token_file else {
        return Ok(None);
    };
    let unusable = |reason: String| ConfigError::File {
        key: "metrics.token_file".to_owned(),
        path: path.clone(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    HeaderValue::from_str(&format!("Bearer {token}"))
        .map(Some)
        .map_err(|_| unusable("it holds no token that a header can carry".to_owned()))
}

impl Page {
    fn respond(&self, request: &Request<Incoming>) -> Response<Sent> {
        let (status, body) = if request.uri().path() != self.path {
            (StatusCode::NOT_FOUND, "404 page not found\n".to_owned())
        } else if self.lets_in(request.headers().get(AUTHORIZATION)) {
            (StatusCode::OK, text(&self.control))
        } else {
            (StatusCode::UNAUTHORIZED, "unauthorized\n".to_owned())
        };
        let mut response = Response::new(Sent::whole(body));
        *response.status_mut() = status;
        let kind = if status == StatusCode::OK {
            "text/plain; version=0.0.4; charset=utf-8"
        } else {
            "text/plain; charset=utf-8"
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn lets_in(&self, shown: Option<&HeaderValue>) -> bool {
        self.authorization
            .as_ref()
            .is_none_or(|wanted| shown == Some(wanted))
    }
}

/// The page, in the text format of Prometheus.
fn text(control: &Control) -> String {
    let adapters: Vec<(String, bool)> = control.read(|state| {
        let all = state.adapters.iter();
        all.map(|one| (one.kind.clone(), one.running())).collect()
    });
    let each = |label: &str, value: &dyn Fn(&str, bool) -> u64| -> Vec<(String, u64)> {
        let lines = adapters.iter();
        lines
            .map(|(kind, running)| (format!("{label}=\"{kind}\""), value(kind, *running)))
            .collect()
    };
    // The status shows it as the version of the server, which must not be taken for that of the operator.
    let version = concat!(env!("CARGO_PKG_VERSION"), "-simulator");
    let build = format!("commit=\"simulator\",version=\"{version}\"");
    let started = u64::try_from(control.started_at.as_second()).unwrap_or(0);
    let clients = |kind: &str| control.clients.of(kind);
    let families = [
        Family(
            "dittofs_build_info",
            "gauge",
            "What runs here.",
            vec![(build, 1)],
        ),
        Family(
            "process_start_time_seconds",
            "gauge",
            "When this process started.",
            vec![(String::new(), started)],
        ),
        Family(
            "dittofs_client_connections_active",
            "gauge",
            "Clients that are connected.",
            each("protocol", &|kind, _| clients(kind).active),
        ),
        Family(
            "dittofs_adapter_connections_total",
            "counter",
            "Clients that have connected.",
            each("protocol", &|kind, _| clients(kind).total),
        ),
        Family(
            "dittofs_simulator_adapter_running",
            "gauge",
            "Whether the API says that the adapter runs.",
            each("adapter", &|_, running| u64::from(running)),
        ),
    ];
    families.iter().map(ToString::to_string).collect()
}

/// Name, type, help, and values by their labels.
struct Family(&'static str, &'static str, &'static str, Vec<(String, u64)>);

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, kind, help, values) = self;
        writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        for (labels, value) in values {
            match labels.as_str() {
                "" => writeln!(f, "{name} {value}")?,
                labels => writeln!(f, "{name}{{{labels}}} {value}")?,
            }
        }
        Ok(())
    }
}
