//! The server's end of Stream mode: one WebSocket for each ticket.

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{Message, MessageStream, Session};
use serde::Deserialize;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::streams::StreamOrder;
use super::world::Shared;

/// The parameter of the address.
#[derive(Debug, Deserialize)]
pub struct Ticket {
    ticket: String,
}

/// `GET /connect`
pub async fn connect(
    request: HttpRequest,
    body: web::Payload,
    query: web::Query<Ticket>,
    shared: web::Data<Shared>,
) -> actix_web::Result<HttpResponse> {
    let client_id = {
        let mut world = shared.lock();
        let now = world.time.now();
        world.stream.redeem(&query.ticket, now)
    };
    let Some(client_id) = client_id else {
        return Ok(HttpResponse::Unauthorized().finish());
    };
    let (response, session, messages) = actix_ws::handle(&request, body)?;
    let (sender, orders) = mpsc::unbounded_channel();
    let number = shared.lock().stream.opened(client_id, sender);
    actix_web::rt::spawn(async move {
        serve(session, messages, orders, &shared).await;
        shared.lock().stream.closed(number);
    });
    Ok(response)
}

async fn serve(
    mut session: Session,
    mut messages: MessageStream,
    mut orders: UnboundedReceiver<StreamOrder>,
    shared: &web::Data<Shared>,
) {
    let mut is_silent = false;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let sent = match order {
                    Some(StreamOrder::Text(text)) if !is_silent => session.text(text).await,
                    Some(StreamOrder::Bytes(bytes)) => session.binary(bytes).await,
                    Some(StreamOrder::FallSilent) => {
                        is_silent = true;
                        Ok(())
                    }
                    Some(StreamOrder::Text(_)) => Ok(()),
                    Some(StreamOrder::Cut) | None => return,
                };
                if sent.is_err() {
                    return;
                }
            }
            message = messages.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let mut world = shared.lock();
                    if let Err(why) = world.stream.answered(&text) {
                        world.calls.note_unexpected(format!("stream: {why}"));
                    }
                }
                Some(Ok(Message::Ping(bytes))) => {
                    if !is_silent && session.pong(&bytes).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Close(reason))) => {
                    let _ = session.close(reason).await;
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
