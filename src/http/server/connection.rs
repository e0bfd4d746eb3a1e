//! One connection: how long it may last, how fast it must take what it is sent, how much is read of it.
//!
//! actix limits the time of the first head only. Everything else that a client can draw out (a body, the unread rest of
//! one, an answer that it does not take, requests sent ahead) is bounded here, below HTTP, where nothing is missed:
//! the stream breaks off at its deadline, and hands over no more bytes than its request may have. What it is waiting
//! for it is told by [`Connection::begin`] and [`Connection::answered`].

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// More than any head that reaches NocoBase (16 KiB), or that nginx passes on (32 KiB).
const HEAD_BYTES: usize = 32 * 1024;
/// What frames the pieces of a body that says no length.
const FRAMING_BYTES: usize = 32 * 1024;
/// actix answers a late head with 408; this is for what it does not see.
const HEAD_LEEWAY: Duration = Duration::from_secs(2);
/// Longer than a sign-in may take: two turns at DingTalk of 55 s, and the calls with their repeats.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);
/// The slowest line we wait for, in bytes a second.
const SLOWEST_LINE: u32 = 16 * 1024;
const TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long a client may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, and without taking anything of an answer.
    pub head_within: Duration,
    /// Between two requests.
    pub keep_alive: Duration,
}

/// What the stream and those who answer its requests share.
pub struct Connection {
    patience: Patience,
    /// When it breaks off.
    deadline: Cell<Instant>,
    /// How many bytes may still be read.
    allowance: Cell<usize>,
    reads: Cell<Reads>,
    /// Who wants to read what was sent ahead.
    reader: Cell<Option<Waker>>,
    requests: Cell<u32>,
}

/// What is read now.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Head,
    TooLargeHead,
    Body,
}

impl Connection {
    fn new(patience: Patience) -> Self {
        Self {
            patience,
            deadline: Cell::new(Instant::now() + patience.head_within + HEAD_LEEWAY),
            allowance: Cell::new(HEAD_BYTES),
            reads: Cell::new(Reads::Head),
            reader: Cell::default(),
            requests: Cell::new(0),
        }
    }

    /// A head has arrived, and its body may have so many bytes. Tells which request of the connection it is.
    pub fn begin(&self, body_bytes: usize) -> u32 {
        self.deadline.set(Instant::now() + ANSWER_WITHIN);
        self.reads.set(Reads::Body);
        self.allowance.set(body_bytes);
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// So much of the body may be read, now that it is known who sends it.
    pub fn allow(&self, body_bytes: usize) {
        self.allowance.set(body_bytes);
        self.wake_reader();
    }

    /// The answer is made. `is_last` says that the connection is closed behind it.
    pub fn answered(&self, is_last: bool) {
        let wait = if is_last {
            self.patience.head_within
        } else {
            self.patience.keep_alive + self.patience.head_within
        };
        self.deadline.set(Instant::now() + wait);
        // What comes behind the last answer is thrown away, so that the client reads the answer before it hears of it.
        self.allowance.set(if is_last { usize::MAX } else { HEAD_BYTES });
        self.reads.set(Reads::Head);
        self.wake_reader();
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Bytes were taken: a large answer has the time that a slow line needs.
    fn wrote(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let needed = Duration::from_secs(1) * bytes / SLOWEST_LINE;
        self.deadline.set(self.deadline.get() + needed);
    }
}

/// How many bytes the body of a request may have on the wire, of which so many are wanted.
pub fn body_bytes(headers: &HeaderMap, most: usize) -> usize {
    let length = headers.get(header::CONTENT_LENGTH);
    let length: Option<usize> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    match (length, headers.contains_key(header::TRANSFER_ENCODING)) {
        (_, true) => most + FRAMING_BYTES,
        // One more than is taken, so that a body which is too large is seen as that.
        (Some(length), false) => length.min(most + 1),
        (None, false) => 0,
    }
}

/// A stream that ends when its time is over.
pub struct Guarded<S> {
    stream: S,
    connection: Rc<Connection>,
    timer: Pin<Box<Sleep>>,
    stalled_since: Option<Instant>,
    /// A piece of what is thrown away was handed over, and not yet thrown away.
    has_piece: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Guards a stream that was just accepted.
    pub fn new(stream: S, patience: Patience) -> Self {
        let connection = Connection::new(patience);
        Self {
            stream,
            timer: Box::pin(sleep_until(connection.deadline.get())),
            connection: Rc::new(connection),
            stalled_since: None,
            has_piece: false,
        }
    }

    /// What those who answer its requests need of it.
    pub fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.connection)
    }

    /// Nothing more is read of this request.
    fn refuse_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.connection.reads.get() {
            // What was read has not been looked at yet: it may be a whole head, and more.
            Reads::Head => {
                self.connection.reads.set(Reads::TooLargeHead);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Reads::TooLargeHead => {
                if self.stalled_since.is_none() {
                    // No harm when the client does not take it.
                    let _said = Pin::new(&mut self.stream).poll_write(cx, TOO_LARGE)?;
                }
                Poll::Ready(Ok(()))
            }
            // Sent ahead: it stays where it is until the request before it is answered.
            Reads::Body => {
                self.connection.reader.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Fails when the time is over; else the task is woken when it will be.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let deadline = self.connection.deadline.get();
        let deadline = match self.stalled_since {
            Some(since) => deadline.min(since + self.connection.patience.head_within),
            None => deadline,
        };
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.check(cx)?;
        let allowance = this.connection.allowance.get();
        if allowance == 0 {
            return this.refuse_more(cx);
        }
        if allowance == usize::MAX {
            // actix reads all there is before it throws it away: it gets a piece at a time.
            this.has_piece = !this.has_piece;
            if !this.has_piece {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let before = buffer.filled().len();
        if buffer.remaining() <= allowance {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowance));
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
            let count = part.filled().len();
            buffer.advance(count);
        }
        if allowance != usize::MAX {
            let count = buffer.filled().len() - before;
            this.connection.allowance.set(allowance - count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.check(cx)?;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes)?;
        if let Poll::Ready(count) = written {
            this.stalled_since = None;
            this.connection.wrote(count);
            return Poll::Ready(Ok(count));
        }
        this.stalled_since.get_or_insert_with(Instant::now);
        this.check(cx)?;
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
