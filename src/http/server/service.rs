//! What answers the connections of a listener: actix-web's own service, over streams that are guarded.

use std::future::ready;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_service::{
    IntoServiceFactory as _, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, web};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::http::request::context::PUBLIC_BODY_LIMIT;
use crate::http::response::envelope;
use crate::http::server::connection::{Connection, Guarded, Patience, body_bytes};
use crate::http::{AppState, routes};

/// For the unread rest of a request, so that its client reads the answer before it hears that we are gone.
const LINGER: Duration = Duration::from_secs(1);

/// What answers the connections of a listener. It does what actix-web's server does, whose builder has no place for a
/// stream of ours.
pub fn answering<S, W, F>(
    state: &web::Data<AppState>,
    patience: Patience,
    peer_of: fn(&S) -> Option<SocketAddr>,
    stopped: W,
) -> impl ServiceFactory<S, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<S, W, F>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    W: Fn() -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    let state = state.clone();
    let app = App::new()
        .wrap(from_fn(within_bounds))
        .wrap(envelope::hardened())
        .configure(|config| routes(config, &state))
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    let guarded = move |stream: S| {
        let peer = peer_of(&stream);
        ready(Ok((Guarded::new(stream, patience), Protocol::Http1, peer)))
    };
    fn_service(guarded).and_then(
        HttpService::build()
            .keep_alive(patience.keep_alive)
            .client_request_timeout(patience.head_within)
            .client_disconnect_timeout(LINGER)
            .graceful_shutdown_signal(stopped)
            .on_connect_ext(|stream: &Guarded<S>, data| {
                data.insert(stream.connection());
            })
            .finish(map_config(app, |()| AppConfig::default())),
    )
}

/// Tells the guard of the connection what it waits for, and lets a stranger send one request: proxies read heads whole
/// before they pass them on, and so does the plugin, which alone reaches the socket; a stranger may drip the second one,
/// or send thousands ahead.
async fn within_bounds(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let is_proxy = request.app_data::<web::Data<AppState>>().is_some_and(|state| {
        let peer = request.peer_addr();
        peer.is_none_or(|peer| state.edge.proxies.trusts(peer.ip()))
    });
    let body = body_bytes(request.headers(), PUBLIC_BODY_LIMIT);
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let number = connection.as_ref().map_or(1, |connection| connection.begin(body));
    let mut response = if is_proxy || number == 1 {
        next.call(request).await?.map_into_left_body()
    } else {
        let refusal = HttpResponse::BadRequest().finish();
        request.into_response(refusal).map_into_right_body()
    };
    // Only a POST that is not refused has its body read.
    let is_unread =
        body > 0 && (response.request().method() != "POST" || response.status().is_client_error());
    let is_last = !is_proxy || is_unread;
    if is_last {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    if let Some(connection) = connection {
        connection.answered(is_last);
    }
    Ok(response)
}
