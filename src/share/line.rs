//! One connection to a server: the only place that shows it a password.

use std::io;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::{LONGEST_CONNECT, PATIENCE};
use crate::snapshot::{ShareSettings, StoreLogin, StoreServer};

/// A connection.
pub(super) struct Line {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Line {
    /// Connects to a server of the store, and says who it is.
    pub(super) async fn to_server(server: &StoreServer, settings: &ShareSettings) -> Result<Self, String> {
        Self::to(server, settings, &settings.login, settings.database).await
    }

    /// The same with a Sentinel.
    pub(super) async fn to_sentinel(server: &StoreServer, settings: &ShareSettings) -> Result<Self, String> {
        Self::to(server, settings, &settings.sentinel_login, 0).await
    }

    async fn to(
        server: &StoreServer,
        settings: &ShareSettings,
        login: &StoreLogin,
        database: u32,
    ) -> Result<Self, String> {
        let connects = async {
            let stream = TcpStream::connect((&*server.host, server.port)).await.map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            match &settings.tls {
                None => Self::over(stream, login, database).await,
                Some(tls) => {
                    let name = ServerName::try_from(server.host.to_string()).map_err(|e| e.to_string())?;
                    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                    Self::over(stream.map_err(|error| format!("TLS: {error}"))?, login, database).await
                }
            }
        };
        let connected = tokio::time::timeout(LONGEST_CONNECT, Box::pin(connects)).await;
        let late = |_| Err(format!("no connection within {} ms", LONGEST_CONNECT.as_millis()));
        connected.unwrap_or_else(late).map_err(|why| format!("{server}: {why}"))
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        login: &StoreLogin,
        database: u32,
    ) -> Result<Self, String> {
        let mut info = RedisConnectionInfo::default().set_db(database.into());
        if let Some(user) = &login.user {
            info = info.set_username(&**user);
        }
        if let Some(password) = &login.password {
            info = info.set_password(password.reveal());
        }
        let made = MultiplexedConnection::new_with_config(&info, stream, AsyncConnectionConfig::new());
        let (connection, driver) = Box::pin(made).await.map_err(|error| told(&error))?;
        Ok(Self { connection, driver: tokio::spawn(driver) })
    }

    /// Asks something.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let asked = tokio::time::timeout(PATIENCE, command.query_async(&mut self.connection)).await;
        let late = |_| {
            let why = format!("no answer within {} ms", PATIENCE.as_millis());
            Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
        };
        asked.unwrap_or_else(late)
    }
}

/// What went wrong, without the words that a server may repeat.
pub(super) fn told(error: &RedisError) -> String {
    let what = error.to_string();
    let code = error.code().unwrap_or_default();
    if code.is_empty() { what } else { format!("{code}: {what}") }
}
