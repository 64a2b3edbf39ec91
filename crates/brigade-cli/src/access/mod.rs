//! How a command reaches the stores: through the server that has them, else by opening them itself. Both ways speak the
//! routes of the HTTP API, so that a command is written once and answers the same.

mod answers;
mod lines;

pub use answers::{AppliedMigration, Columns, Receipt, Rows};
pub use lines::Lines;

use std::time::{Duration, Instant};

use axum::body::Body;
use brigade::{
    Brigade, Holder, OpenOptions,
    data::{Error, Result, code},
    holder,
};
use brigade_server::ServerOptions;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use tower_service::Service as _;

use crate::{command::segment, output, place::Place};

/// How long to wait for a process that has the data and serves nothing yet: a server that starts.
const STARTING: Duration = Duration::from_secs(10);

/// How long connecting to a server on this machine may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The stores of a project.
pub struct Access {
    client: Client,
    url: String,
    token: String,
    /// The stores opened by this process; none: a server has them.
    here: Option<Here>,
}

struct Here {
    brigade: Brigade,
    routes: axum::Router,
}

impl Access {
    /// Finds the server that has a project's data, else opens it; `run` starts its projections and the log's upkeep.
    ///
    /// # Errors
    /// As [`Brigade::open`]; BRG503 where a process has the data and serves nothing.
    pub async fn open(place: &Place, run: bool) -> Result<Self> {
        let begun = Instant::now();
        let mut said = false;
        loop {
            match holder(&place.data_dir()) {
                Some(Holder { url: Some(url), token: Some(token), .. }) => return Self::server(url, token),
                None => match Self::open_here(place, run).await {
                    // Another process was faster.
                    Err(e) if e.code() == code::UNAVAILABLE && holder(&place.data_dir()).is_some() => {}
                    other => return other,
                },
                Some(Holder { pid, .. }) if begun.elapsed() > STARTING => {
                    return Err(Error::new(
                        code::UNAVAILABLE,
                        format!("process {pid} has the data and serves nothing"),
                    )
                    .details(place.data_dir().display().to_string())
                    .hint("wait until it ends, or stop it"));
                }
                Some(Holder { pid, .. }) => {
                    if !std::mem::replace(&mut said, true) {
                        output::note(format!("waiting for process {pid}, which has the data"));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn server(url: String, token: String) -> Result<Self> {
        Ok(Self { client: client()?, url, token, here: None })
    }

    async fn open_here(place: &Place, run: bool) -> Result<Self> {
        let options = OpenOptions { project: place.project.clone(), data: place.data.clone(), migrate: false, run };
        let brigade = Brigade::open(options).await?;
        let token = brigade.admin_token().to_owned();
        let options = ServerOptions::with_token(token.clone());
        let routes = match brigade_server::router(brigade.clone(), options) {
            Ok(routes) => routes,
            Err(error) => {
                brigade.close().await;
                return Err(error);
            }
        };
        Ok(Self { client: client()?, url: "http://localhost".to_owned(), token, here: Some(Here { brigade, routes }) })
    }

    /// Gives the stores back, where this process opened them.
    pub async fn close(self) {
        if let Some(here) = self.here {
            drop(here.routes);
            here.brigade.close().await;
        }
    }

    /// The columns of a table as the model that is served has them, for reading values by their types.
    ///
    /// # Errors
    /// 42P01 where there is no such table.
    pub async fn columns(&self, table: &str) -> Result<Columns> {
        self.get(self.request(Method::GET, &format!("/admin/tables/{}", segment(table)))).await
    }

    /// A request to a route.
    pub fn request(&self, method: Method, route: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{route}", self.url)).bearer_auth(&self.token)
    }

    /// Sends a request and hands on the answer, whatever its status.
    ///
    /// # Errors
    /// BRG503 where no answer came.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response> {
        match &self.here {
            None => request.send().await.map_err(|e| no_answer(&self.url, e)),
            Some(here) => {
                let request = request.build().map_err(|e| no_answer(&self.url, e))?;
                let request: axum::http::Request<reqwest::Body> =
                    request.try_into().map_err(|e| no_answer(&self.url, e))?;
                let answer = here.routes.clone().call(request.map(Body::new)).await;
                let answer = answer.unwrap_or_else(|never| match never {});
                Ok(answer.map(|body| reqwest::Body::wrap_stream(body.into_data_stream())).into())
            }
        }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// What the answer says where its status is no success.
    pub async fn get<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = answers::good(self.send(request).await?).await?;
        let bytes = response.bytes().await.map_err(|e| no_answer(&self.url, e))?;
        serde_json::from_slice(&bytes).map_err(answers::not_understood)
    }

    /// Sends a request whose answer has nothing in it.
    ///
    /// # Errors
    /// What the answer says where its status is no success.
    pub async fn done(&self, request: RequestBuilder) -> Result<()> {
        answers::good(self.send(request).await?).await.map(|_| ())
    }

    /// Sends a request whose answer comes line by line.
    ///
    /// # Errors
    /// What the answer says where its status is no success.
    pub async fn lines(&self, request: RequestBuilder) -> Result<Lines> {
        Ok(Lines::new(answers::good(self.send(request).await?).await?))
    }
}

/// Only servers on this machine are asked, so no proxy of the environment's stands between.
fn client() -> Result<Client> {
    Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        .build()
        .map_err(|e| Error::internal("no HTTP client can be made").source(e))
}

fn no_answer(url: &str, error: reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Error::unavailable(format!("no answer from {url}: {cause}"), Duration::from_secs(1)).source(error)
}
