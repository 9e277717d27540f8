//! Makes a new connection to an upstream: straight there, or through a proxy.
//!
//! 1. Nothing of a request is sent before the connection stands, so whatever fails here has executed nothing.
//! 2. A certificate that does not stand the test is told apart from an upstream that cannot be reached: the one is
//!    for the operator to mend, the other may pass.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::errand::Errand;
use super::tunnel::{self, NoTunnel};
use super::{Connection, Destination};
use crate::body::Outgoing;
use crate::book::Book;
use crate::clock::Moment;
use crate::egress::{Address, EgressProxy};
use crate::health::Place;
use crate::hush::Hush;
use crate::snapshot::Upstream;
use crate::wire::Wire;

/// How long a connection may be quiet before it is tried whether the other end is there, how long until it is tried
/// again, and how often.
const QUIET: Duration = Duration::from_mins(1);
const TRIED_EVERY: Duration = Duration::from_secs(15);
const TRIED: u32 = 4;

/// Why there is no connection.
#[derive(Debug)]
pub enum NotConnected {
    /// Nobody listens there.
    Refused,
    /// It took longer than it may.
    TimedOut,
    /// TLS failed: most of all the certificate.
    Tls(String),
    /// Something else.
    Failed(String),
}

impl NotConnected {
    /// What mends it, for whoever can.
    #[must_use]
    pub const fn mend(&self) -> Option<&'static str> {
        match self {
            Self::Refused => Some("start what is to listen there, or correct its base_url"),
            Self::TimedOut => Some("let this machine reach it, or raise its connect_timeout"),
            Self::Tls(_) => Some(
                "mend its certificate, or name its authority in the upstream's ca_file, or in the file that \
                 SSL_CERT_FILE names",
            ),
            Self::Failed(_) => None,
        }
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection was refused",
            Self::TimedOut => "no connection within connect_timeout",
            Self::Tls(what) | Self::Failed(what) => what,
        })
    }
}

impl From<io::Error> for NotConnected {
    fn from(error: io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::Tls(tls_failure(tls));
        }
        if error.kind() == io::ErrorKind::ConnectionRefused {
            return Self::Refused;
        }
        Self::Failed(error.to_string())
    }
}

/// What a failure of TLS means for whoever has to mend it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the lists are another's, and grow")]
fn tls_failure(error: &rustls::Error) -> String {
    let text = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::UnknownIssuer => {
                "its certificate is signed by no authority that is trusted here"
            }
            other if other.to_string().contains("CaUsedAsEndEntity") => {
                "its certificate is an authority's (CA:TRUE), not a server's"
            }
            other => return format!("its certificate does not stand the test: {other}"),
        },
        other => return format!("TLS failed: {other}"),
    };
    text.to_owned()
}

/// Makes a new connection to the upstream; it holds the place as long as it is open, and writes to the book before it
/// sends.
///
/// # Errors
/// When the name is not found, nobody answers, or TLS fails.
pub async fn connect(
    upstream: &Upstream,
    place: Option<Place>,
    book: Option<&Arc<Book>>,
) -> Result<Box<Connection>, NotConnected> {
    let made = tokio::time::timeout(upstream.connect_timeout, reach(upstream, place, book)).await;
    made.unwrap_or(Err(NotConnected::TimedOut))
}

async fn reach(
    upstream: &Upstream,
    place: Option<Place>,
    book: Option<&Arc<Book>>,
) -> Result<Box<Connection>, NotConnected> {
    let errand = Errand::new(book.map(Arc::clone));
    let held = Held { _place: place, errand: Some(Arc::clone(&errand)) };
    let (sender, driver) = match &upstream.proxy {
        None => inside(upstream, dial(&upstream.host, upstream.port, held).await?, &errand).await?,
        Some(proxy) => match tunnelled(proxy, Address(&upstream.host, upstream.port), held).await? {
            Tunnel::Plain(stream) => inside(upstream, stream, &errand).await?,
            Tunnel::Encrypted(stream) => inside(upstream, stream, &errand).await?,
        },
    };
    let ends = Moment::now().monotonic + upstream.max_connection_age;
    let crowd = upstream.bounds.as_ref().and_then(|bounds| bounds.connections);
    Ok(Box::new(Connection {
        sender,
        reused: false,
        driver,
        errand,
        ends,
        kept: upstream.pool_idle,
        destination: Destination::of(upstream),
        crowd: crowd.map(|_| Arc::clone(&upstream.health.connections)),
    }))
}

/// A connection that leads through a proxy, on which nothing was said yet.
#[derive(Debug)]
pub enum Tunnel {
    /// To a proxy that is reached by plain HTTP.
    Plain(Socket),
    /// To one that speaks TLS. Boxed: it is a kilobyte, and few do.
    Encrypted(Box<TlsStream<Socket>>),
}

/// Makes a tunnel through the proxy, for what is no client's request.
///
/// # Errors
/// When the proxy is not reached, or makes none.
pub async fn through(proxy: &EgressProxy, to: Address<'_>) -> Result<Tunnel, NotConnected> {
    tunnelled(proxy, to, Held::default()).await
}

async fn tunnelled(proxy: &EgressProxy, to: Address<'_>, held: Held) -> Result<Tunnel, NotConnected> {
    let of_proxy = |error: NotConnected| error.of_the_proxy();
    let mut stream = dial(&proxy.host, proxy.port, held).await.map_err(of_proxy)?;
    match &proxy.tls {
        None => {
            tunnel::open(&mut stream, proxy, to).await?;
            Ok(Tunnel::Plain(stream))
        }
        Some(tls) => {
            let mut stream = Box::new(encrypted(tls, &proxy.host, stream).await.map_err(of_proxy)?);
            tunnel::open(&mut stream, proxy, to).await?;
            Ok(Tunnel::Encrypted(stream))
        }
    }
}

impl std::error::Error for NotConnected {}

impl NotConnected {
    fn of_the_proxy(self) -> Self {
        match self {
            Self::Tls(what) => Self::Tls(format!("of the proxy: {what}")),
            Self::TimedOut => Self::TimedOut,
            Self::Refused | Self::Failed(_) => Self::Failed(format!("the proxy: {self}")),
        }
    }
}

impl From<NoTunnel> for NotConnected {
    fn from(why: NoTunnel) -> Self {
        Self::Failed(match why {
            NoTunnel::Status(status @ (401 | 407)) => {
                format!("the proxy answered {status} to CONNECT: it wants other credentials")
            }
            NoTunnel::Status(status) => format!("the proxy answered {status} to CONNECT"),
            NoTunnel::NotHttp => "the proxy's answer to CONNECT is not HTTP".to_owned(),
            NoTunnel::Broken(error) => format!("the proxy broke off: {error}"),
        })
    }
}

async fn dial(host: &str, port: u16, held: Held) -> Result<Socket, NotConnected> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let keepalive =
        socket2::TcpKeepalive::new().with_time(QUIET).with_interval(TRIED_EVERY).with_retries(TRIED);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(Socket { stream, held })
}

async fn encrypted<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &Arc<ClientConfig>,
    host: &str,
    stream: S,
) -> Result<TlsStream<S>, NotConnected> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|error| NotConnected::Failed(error.to_string()))?;
    Ok(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?)
}

/// Speaks to the upstream over a stream that leads there.
async fn inside<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    upstream: &Upstream,
    stream: S,
    errand: &Arc<Errand>,
) -> Result<(SendRequest<Outgoing>, AbortHandle), NotConnected> {
    match &upstream.tls {
        None => handshake(stream, errand).await,
        Some(tls) => handshake(encrypted(tls, &upstream.host, stream).await?, errand).await,
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    errand: &Arc<Errand>,
) -> Result<(SendRequest<Outgoing>, AbortHandle), NotConnected> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(256 * 1024)
        .handshake(TokioIo::new(Wire::new(stream, Arc::clone(errand))))
        .await
        .map_err(|error| NotConnected::Failed(error.to_string()))?;
    let driver = tokio::spawn(async move {
        let mut connection = pin!(connection.with_upgrades());
        let mut hush = Hush::default();
        // Why it ended is told to whoever waits for its answer.
        let _ = poll_fn(|cx| connection.as_mut().poll(&mut hush.hushed(cx))).await;
    });
    Ok((sender, driver.abort_handle()))
}

/// A socket and what it has as long as it is open, whoever holds it.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    held: Held,
}

/// What a socket has.
#[derive(Debug, Default)]
struct Held {
    /// The place that it takes.
    _place: Option<Place>,
    /// What it is to do before it sends.
    errand: Option<Arc<Errand>>,
}

impl Held {
    fn write_down(&self) -> io::Result<()> {
        self.errand.as_ref().map_or(Ok(()), |errand| errand.write_down())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.held.write_down()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.held.write_down()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
