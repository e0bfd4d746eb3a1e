//! One WebSocket to DingTalk: read without waiting for anything, and answered as its events are stored.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error as WebSocketError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::event::{self, DirectoryEvent, Notice};
use super::frame::{self, Acknowledgement, Frame};
use super::inbox::{Channel, Inbox};
use crate::dingtalk::StreamTicket;
use crate::tls;

/// DingTalk's frames have a few kilobytes.
const LARGEST_MESSAGE: usize = 1024 * 1024;
const BUFFER: usize = 16 * 1024;
/// So much nonsense in a row, and the connection is begun anew.
const PATIENCE: u32 = 20;
/// What is being stored when a connection is given up may still be acknowledged.
const FAREWELL: Duration = Duration::from_secs(5);
/// Nobody reads at the other end.
const SENT_WITHIN: Duration = Duration::from_secs(10);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct StreamPatience {
    /// For a connection to come about, with TLS and the handshake.
    pub connect: Duration,
    /// Without a word, until we ask whether DingTalk is there.
    pub idle: Duration,
    /// For the answer to that.
    pub pong: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered in time.
    #[error("the stream did not open in time")]
    TimedOut,
    /// TLS cannot be set up here.
    #[error("TLS cannot be set up")]
    Tls,
    /// It was refused, or broke. What it says holds no address.
    #[error("the stream could not be opened")]
    Refused(#[source] Box<WebSocketError>),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// We wanted it.
    Stopped,
    /// DingTalk closed it, or the network did.
    Cut,
    /// Nobody answered at the other end.
    Silent,
    /// Nonsense came.
    Garbage,
}

impl StreamEnd {
    /// For the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Cut => "cut",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
        }
    }
}

/// Events on their way into the database, and whom to tell when they are there.
pub struct Arrival {
    /// What arrived.
    pub events: Vec<DirectoryEvent>,
    message_id: Option<String>,
    acknowledgements: mpsc::UnboundedSender<String>,
}

impl Arrival {
    /// Says to DingTalk what became of it; a connection that is gone hears nothing, and DingTalk sends again.
    pub fn acknowledge(&self, how: Acknowledgement) {
        let text = self
            .message_id
            .as_deref()
            .map(|id| frame::acknowledge(id, how))
            .unwrap_or_default();
        let _ = self.acknowledgements.send(text);
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a WebSocket with a ticket.
pub async fn connect(ticket: &StreamTicket, patience: &StreamPatience) -> Result<Socket, ConnectError> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
        .read_buffer_size(BUFFER)
        .write_buffer_size(0);
    let connector = Connector::Rustls(tls::client_config().map_err(|_| ConnectError::Tls)?);
    let address = ticket.address();
    let opening = connect_async_tls_with_config(address.expose_secret(), Some(config), true, Some(connector));
    let opened = timeout(patience.connect, opening)
        .await
        .map_err(|_| ConnectError::TimedOut)?;
    let (socket, _) = opened.map_err(|error| ConnectError::Refused(Box::new(error)))?;
    Ok(socket)
}

/// One connection while it lasts.
pub struct StreamConnection {
    socket: Socket,
    patience: StreamPatience,
    inbox: Inbox,
    arrivals: mpsc::Sender<Arrival>,
    acknowledgements: mpsc::UnboundedSender<String>,
    to_send: mpsc::UnboundedReceiver<String>,
    /// Handed over and not answered yet.
    outstanding: usize,
    nonsense: u32,
    leaving: Option<oneshot::Sender<()>>,
}

impl StreamConnection {
    /// Around an open socket; `leaving` hears when DingTalk wants another in its place.
    pub fn new(
        socket: Socket,
        patience: StreamPatience,
        inbox: Inbox,
        arrivals: mpsc::Sender<Arrival>,
        leaving: oneshot::Sender<()>,
    ) -> Self {
        let (acknowledgements, to_send) = mpsc::unbounded_channel();
        Self {
            socket,
            patience,
            inbox,
            arrivals,
            acknowledgements,
            to_send,
            outstanding: 0,
            nonsense: 0,
            leaving: Some(leaving),
        }
    }

    /// Reads and answers until it is over.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) -> StreamEnd {
        let mut deadline = Instant::now() + self.patience.idle;
        let mut is_asked = false;
        loop {
            tokio::select! {
                _ = &mut stop => {
                    self.farewell().await;
                    return StreamEnd::Stopped;
                }
                Some(answer) = self.to_send.recv() => {
                    self.outstanding = self.outstanding.saturating_sub(1);
                    if !self.send_text(answer).await {
                        return StreamEnd::Cut;
                    }
                }
                message = self.socket.next() => {
                    is_asked = false;
                    deadline = Instant::now() + self.patience.idle;
                    match message {
                        Some(Ok(message)) => {
                            if let Some(ended) = self.take(message).await {
                                return ended;
                            }
                        }
                        Some(Err(_)) | None => return StreamEnd::Cut,
                    }
                }
                () = sleep_until(deadline) => {
                    if is_asked {
                        return StreamEnd::Silent;
                    }
                    is_asked = true;
                    deadline = Instant::now() + self.patience.pong;
                    if !self.send(Message::Ping(Bytes::new())).await {
                        return StreamEnd::Cut;
                    }
                }
            }
        }
    }

    /// What was handed over is answered yet, then the connection is closed.
    async fn farewell(&mut self) {
        let answers = async {
            while self.outstanding > 0 {
                let Some(answer) = self.to_send.recv().await else {
                    return;
                };
                self.outstanding -= 1;
                if !answer.is_empty() && self.socket.send(Message::text(answer)).await.is_err() {
                    return;
                }
            }
            let _ = self.socket.close(None).await;
        };
        let _ = timeout(FAREWELL, answers).await;
    }

    async fn take(&mut self, message: Message) -> Option<StreamEnd> {
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Close(_) => return Some(StreamEnd::Cut),
            // The library answers a ping by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return None,
            Message::Binary(_) => "",
        };
        let Some(frame) = frame::read(text) else {
            self.nonsense += 1;
            self.inbox.observe(Channel::Stream, "garbage");
            return (self.nonsense >= PATIENCE).then_some(StreamEnd::Garbage);
        };
        self.nonsense = 0;
        let answer = match frame {
            Frame::Event {
                message_id,
                word,
                id,
                data,
            } => self.event(message_id.as_ref(), &word, id.as_deref(), &data),
            Frame::Ping { message_id, data } => message_id.map(|id| frame::pong(&id, &data)),
            Frame::Unasked { message_id } => message_id.map(|id| frame::not_subscribed(&id)),
            Frame::Disconnect => {
                if let Some(leaving) = self.leaving.take() {
                    let _ = leaving.send(());
                }
                None
            }
            Frame::Other => None,
        };
        let is_sent = match answer {
            Some(answer) => self.send_text(answer).await,
            None => true,
        };
        (!is_sent).then_some(StreamEnd::Cut)
    }

    /// Hands an event over; what needs no storing is answered at once.
    fn event(
        &mut self,
        message_id: Option<&String>,
        word: &str,
        id: Option<&str>,
        data: &str,
    ) -> Option<String> {
        let acknowledged = |how| message_id.map(|id| frame::acknowledge(id, how));
        let events = match event::of_frame(word, id, data) {
            Some(Notice::Events(events)) => events,
            Some(Notice::Check | Notice::Irrelevant) => {
                self.inbox.observe(Channel::Stream, "irrelevant");
                return acknowledged(Acknowledgement::Success);
            }
            None => {
                self.inbox.observe(Channel::Stream, "not_understood");
                // Sent again it would not be understood either.
                return acknowledged(Acknowledgement::Success);
            }
        };
        let arrival = Arrival {
            events,
            message_id: message_id.cloned(),
            acknowledgements: self.acknowledgements.clone(),
        };
        if self.arrivals.try_send(arrival).is_err() {
            self.inbox.observe(Channel::Stream, "queue_full");
            return acknowledged(Acknowledgement::Later);
        }
        self.outstanding += 1;
        None
    }

    /// An empty text is no message: the answer to an event that cannot be acknowledged.
    async fn send_text(&mut self, text: String) -> bool {
        text.is_empty() || self.send(Message::text(text)).await
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SENT_WITHIN, self.socket.send(message)).await, Ok(Ok(())))
    }
}
