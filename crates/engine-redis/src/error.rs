//! What Redis and its driver say becomes brigade's one error. All of it is of the world: the store is away, or it does not
//! do what every Redis does.

use std::time::Duration;

use brigade_core::data::Error;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// How long a caller waits before it repeats a call.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Whether nobody answered, as opposed to an answer that says no.
pub(crate) fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_cluster_error()
        || matches!(
            error.kind(),
            ErrorKind::AuthenticationFailed
                | ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Parse
                | ErrorKind::Server(
                    ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown
                )
        )
}

/// An error of the driver, or of the server.
pub(crate) fn from_redis(error: RedisError) -> Error {
    if error.kind() == ErrorKind::AuthenticationFailed || matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) {
        return away("it does not take these credentials")
            .hint("set the user in [stores.cache] url, and password, as the server has them")
            .source(error);
    }
    if is_away(&error) {
        let distrusted = error.to_string().contains("invalid peer certificate");
        let told = away(error.to_string()).source(error);
        return if distrusted { told.hint(CERTIFICATE_HINT) } else { told };
    }
    Error::unavailable(format!("redis refused: {error}"), RETRY_AFTER).source(error)
}

const CERTIFICATE_HINT: &str = "the server's certificate is not for this host, or of no authority that is trusted: name \
    the file of its authority in [stores.cache] tls_ca, and the host as the certificate has it";

/// It cannot be reached.
pub(crate) fn away(why: impl AsRef<str>) -> Error {
    Error::unavailable(format!("redis is not reachable: {}", why.as_ref()), RETRY_AFTER)
}

/// It did not answer in time; what was asked may have been done.
pub(crate) fn late(limit: Duration) -> Error {
    away(format!("no answer within {limit:?}")).hint("the server is slow or gone: see timeout in [stores.cache]")
}

/// There are more calls than the pool takes at once.
pub(crate) fn busy(limit: Duration) -> Error {
    Error::unavailable(format!("no turn for redis within {limit:?}"), RETRY_AFTER)
        .details("nothing was done; it is safe to repeat")
        .hint("raise pool_size in [stores.cache]")
}
