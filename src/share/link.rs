//! A connection to the store: the only place that knows it is Redis or Valkey.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, ServerErrorKind};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::limits::SCRIPT;
use crate::snapshot::ShareSettings;

/// A connection.
pub(super) struct Link {
    connection: MultiplexedConnection,
    /// The script's name at the server.
    digest: String,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Connects, says who it is and brings the script.
    pub(super) async fn open(settings: &ShareSettings) -> Result<Self, String> {
        let stream = TcpStream::connect((&*settings.host, settings.port)).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        match &settings.tls {
            None => Self::over(stream, settings).await,
            Some(tls) => {
                let name = ServerName::try_from(settings.host.to_string()).map_err(|e| e.to_string())?;
                let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                Self::over(stream.map_err(|error| format!("TLS: {error}"))?, settings).await
            }
        }
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        settings: &ShareSettings,
    ) -> Result<Self, String> {
        let mut info = RedisConnectionInfo::default().set_db(settings.database.into());
        if let Some(user) = &settings.user {
            info = info.set_username(&**user);
        }
        if let Some(password) = &settings.password {
            info = info.set_password(password.reveal());
        }
        let made = MultiplexedConnection::new_with_config(&info, stream, AsyncConnectionConfig::new());
        let (connection, driver) = Box::pin(made).await.map_err(|error| told(&error))?;
        let driver = tokio::spawn(driver);
        let mut link = Self { connection, digest: String::new(), driver };
        link.load().await.map_err(|error| told(&error))?;
        Ok(link)
    }

    async fn load(&mut self) -> Result<(), RedisError> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(SCRIPT);
        self.digest = load.query_async(&mut self.connection).await?;
        Ok(())
    }

    /// Says something, and gives the answer.
    pub(super) async fn say(&mut self, keys: &[String], text: &str) -> Result<String, String> {
        match self.said(keys, text).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.load().await.map_err(|error| told(&error))?;
                self.said(keys, text).await.map_err(|error| told(&error))
            }
            said => said.map_err(|error| told(&error)),
        }
    }

    async fn said(&mut self, keys: &[String], text: &str) -> Result<String, RedisError> {
        let mut say = redis::cmd("EVALSHA");
        say.arg(&self.digest).arg(keys.len()).arg(keys).arg(text);
        say.query_async(&mut self.connection).await
    }
}

/// What went wrong, without the words that a server may repeat.
fn told(error: &RedisError) -> String {
    let what = error.to_string();
    let code = error.code().unwrap_or_default();
    if code.is_empty() { what } else { format!("{code}: {what}") }
}
