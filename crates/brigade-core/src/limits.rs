//! Every limit in one place: why this number, and what the caller sees at it.

use std::time::Duration;

/// Bytes of a transaction's body. Past it 413 BRG413, as soon as it is passed. 16 MiB holds 50,000 ordinary rows.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Statements of one transaction. Past it 413 BRG413: more belong into several transactions, since all of a group wait.
pub const STATEMENTS_MAX: usize = 10_000;

/// Rows given in one transaction, over all statements. Past it 413 BRG413.
pub const ROWS_MAX: usize = 50_000;

/// Problems reported of one transaction. A thousand mistakes are one mistake made a thousand times.
pub const PROBLEMS_MAX: usize = 100;

/// Bytes of an idempotency key: what fits a header that people type. Past it 400 BRG400.
pub const KEY_BYTES_MAX: usize = 255;

/// Transactions waiting for the writer. Past it 503 BRG503 with `Retry-After`: the caller is told, memory is not used up.
pub const QUEUE_MAX: usize = 4_096;

/// Transactions of one group commit. Larger groups gain nothing (measured: 64 KiB to 512 KiB per fsync is best).
pub const GROUP_MAX: usize = 512;

/// Changes read from the log at once, and given to a projection at once. Bounds memory for a transaction of any size.
pub const CHUNK_MAX: usize = 1_000;

/// Bytes of changes read at once: wide rows end a chunk early.
pub const CHUNK_BYTES_MAX: usize = 8 << 20;

/// Followers of `/changes` at once. Past it 503 BRG503.
pub const FOLLOWERS_MAX: usize = 1_024;

/// How long a follower of `/changes` may take no bytes before it is cut off with BRG503. The log keeps its place, so that
/// cutting it off costs it a reconnect; waiting for ever would cost the server memory.
pub const FOLLOWER_STALL: Duration = Duration::from_secs(10);

/// How often a quiet follower gets a comment line (server-sent events): below the idle timeout of common proxies.
pub const FOLLOWER_COMMENT: Duration = Duration::from_secs(15);

/// Connections open at once. Past it new ones wait to be accepted: each costs a file and some 10 KiB.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Requests being answered at once. Past it 503 BRG503 with `Retry-After`.
pub const REQUESTS_MAX: usize = 8_192;

/// Bytes of a request's target, path and query together: the HTTP library's own limit, so it can be made neither larger nor
/// smaller. Past it 414, and the connection closes. With `http://HOST` before it that is a URL of 64 KiB: lists of 10,000 ids fit.
pub const URL_BYTES_MAX: usize = 65_534;

/// How long a request's head may take, and how long a connection may idle before it. Past it the connection closes: slow
/// heads must not hold connections.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request's body may take. Past it 408 BRG408.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a peer may take no byte of an answer before its connection is cut.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a refused body that are read and thrown away, so that its sender gets to read the answer.
pub const DISCARD_BYTES_MAX: u64 = 256 << 20;

/// How long a refused body is read and thrown away.
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of one statement given to `/admin/sql`, and of other small bodies. Past it 413 BRG413.
pub const SMALL_BODY_BYTES_MAX: usize = 1 << 20;

/// Times a projection tries one change before it becomes a dead letter.
pub const TRIES_MAX: u32 = 8;

/// Dead letters a projection keeps before it stops: more than this is no accident of a few rows.
pub const DEAD_LETTERS_MAX: u64 = 1_000;

/// The longest pause between two tries.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Size above which the write-ahead log is reset by holding readers back for a moment.
pub const WAL_BYTES_MAX: u64 = 256 << 20;

/// How long shutting down may take before connections are cut.
pub const SHUTDOWN: Duration = Duration::from_secs(8);

/// Bytes of an answer's rows. Past it 413 BRG413, as soon as it is passed: the answer is made in memory.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Embeds inside embeds. Past it 413 BRG413: each level multiplies what a row costs.
pub const EMBED_DEPTH_MAX: usize = 8;

/// Embeds of one read, at all depths together. Past it 413 BRG413.
pub const EMBEDS_MAX: usize = 64;

/// Conditions inside conditions. Past it 413 BRG413: SQLite's own parser ends at a depth of 1,000.
pub const CONDITION_DEPTH_MAX: usize = 32;

/// Conditions of one read. Past it 413 BRG413.
pub const CONDITIONS_MAX: usize = 1_000;

/// What a read may select at all places together. Past it 413 BRG413: SQLite's own limit is 2,000 columns.
pub const ITEMS_MAX: usize = 1_000;

/// Bytes of the query of a text search. Past it 413 BRG413: it is what somebody looks for, and judged for every row.
pub const SEARCH_BYTES_MAX: usize = 2_000;

/// Parentheses and negations of a text search inside one another. Past it 413 BRG413. PostgreSQL's own bound is near it.
pub const SEARCH_DEPTH_MAX: usize = 24;

/// Values of one list of a filter. Past it 413 BRG413.
pub const LIST_MAX: usize = 50_000;

/// Live reads at once. Past it 503 BRG503: an idle one costs some kilobytes.
pub const LIVE_MAX: usize = 12_000;

/// Rows that a live read begins with. Past it 413 BRG413: it is for what somebody looks at, and `/changes` for the rest.
pub const LIVE_ROWS_MAX: u64 = 100_000;

/// Batches of changes that wait for a subscriber of a live read. One that is further behind is cut off with BRG503: it
/// goes on where it was.
pub const LIVE_BATCHES_MAX: usize = 16;

/// How long a read waits for a position that it names, where it does not say how long itself.
pub const FRESH_WAIT: Duration = Duration::from_secs(5);

/// How long a read may ask to wait for a position at most.
pub const FRESH_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a read looks for a replica that may answer it. Past it the primary is asked.
pub const REPLICA_WAIT: Duration = Duration::from_millis(250);

/// How often primary and replicas are looked at: with [`REPLICA_LOOK_MAX`] the longest that a read waits for a replica that
/// has fallen silent.
pub const REPLICA_LOOK: Duration = Duration::from_millis(500);

/// How long such a look may take. Past it the replica is left out.
pub const REPLICA_LOOK_MAX: Duration = Duration::from_secs(1);

/// The longest pause before a replica that is away is looked at again.
pub const REPLICA_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Replicas of a truth. Past it BRGCFG: each is looked at all the time.
pub const REPLICAS_MAX: usize = 16;

/// API keys of a project. Past it 413 BRG413: all of them lie in memory, and their file is written whole.
pub const API_KEYS_MAX: usize = 10_000;

/// Verified tokens remembered at once. Past it the oldest are forgotten and verified again: at most some 5 MB.
pub const TOKENS_MAX: usize = 10_000;

/// How long a verified token is remembered at most, whatever its own expiry: a bound for tokens that have none.
pub const TOKEN_KEPT: Duration = Duration::from_secs(300);

/// How often the files that hold keys are looked at. A key that was taken out of them is believed no longer than this.
pub const KEY_FILES_LOOK: Duration = Duration::from_secs(1);

/// Bytes of a file that holds keys. Past it the server does not start: a key set of a provider has a few KiB.
pub const KEY_FILE_BYTES_MAX: u64 = 1 << 20;

/// Bytes of what a token says of its principal (id, tenant, tier, each role). Past it 401: such texts become keys of what is
/// kept for a principal.
pub const CLAIM_BYTES_MAX: usize = 255;

/// Roles that one token may name. Past it 401: each request would look through all of them.
pub const ROLES_MAX: usize = 32;

/// Rows that one write shows. Past it 413 BRG413, and nothing is written: they are gathered in memory.
pub const SHOWN_ROWS_MAX: u64 = 50_000;

/// What a limit admits in a window at most, and a token bucket holds: so that its sums stay exact.
pub const QUOTA_MAX: u32 = 1_000_000_000;

/// The longest window of a limit.
pub const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Sub-buckets of a sliding window: each costs memory for each identifier, and makes the window more exact by less.
pub const BUCKETS_MAX: u32 = 60;

/// Bytes of an identifier, and of the name that is made of it. Past it 413 BRG413: it is kept for each who is counted.
pub const LIMIT_KEY_BYTES_MAX: usize = 1_024;

/// Calls to Redis at once for each connection of the pool. Past it a call waits for its turn within its time limit: answers
/// come in order, so more on one connection only wait there instead of here.
pub const REDIS_CALLS_MAX: usize = 64;

/// How long nobody asks a Redis that has just failed, so that callers do not each wait for it; then one of them tries.
pub const REDIS_REST: Duration = Duration::from_millis(200);

/// Counters that identifiers share past `max_keys` of a limit in process: enough that few meet, few enough to cost nothing.
pub const SHARED_COUNTERS: usize = 1_024;

/// The longest pause before a cache tries again to reach its store.
pub const CACHE_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Entries of a cache in process, where brigade.toml says nothing.
pub const CACHE_ENTRIES: u64 = 100_000;

/// Bytes of keys and values of a cache in process, where brigade.toml says nothing.
pub const CACHE_BYTES: u64 = 64 << 20;

/// Key templates of a cache: each change makes a key of each.
pub const CACHE_KEYS_MAX: usize = 16;

/// Bytes of a cache's key. Past it 413 BRG413.
pub const CACHE_KEY_BYTES_MAX: usize = 1_024;

/// Bytes of a value that is kept. A larger one is answered and not kept.
pub const CACHE_VALUE_BYTES_MAX: usize = 8 << 20;

/// Keys that one call warms.
pub const CACHE_WARM_KEYS_MAX: usize = 10_000;

/// Loads of a warming at once: it must leave the truth to those who wait.
pub const CACHE_WARM_LOADS: usize = 4;

/// Loads under way at which no entry is loaded anew before its end: whoever waits goes first.
pub const CACHE_LOADS_BESIDE_MAX: usize = 64;

/// Values of changed rows that link them with the rows of a cache, in one chunk of changes. Past it all entries of the cache go.
pub const CACHE_LINKS_MAX: usize = 500;

/// Rows of a cache that the changed rows of one chunk may hang on. Past it all entries of the cache go.
pub const CACHE_LINKED_ROWS_MAX: u64 = 10_000;

/// How long a cache waits for the log to tell what the truth has shown of rows that others hang on, before all entries go.
pub const CACHE_LINKED_WAIT: Duration = Duration::from_secs(1);

/// How long one process of several may load a key of a cache on Redis, where brigade.toml says nothing.
pub const CACHE_LEASE: Duration = Duration::from_secs(2);

/// The longest lease: so long a process that is gone may hold up the readers of a key in all others. Below [`CACHE_LOAD_WAIT`].
pub const CACHE_LEASE_MAX: Duration = Duration::from_secs(10);

/// The first pause of a process that waits for another one's load: about what a short read of the truth takes.
pub const CACHE_POLL_MIN: Duration = Duration::from_millis(2);

/// The longest pause of a process that waits for another one's load.
pub const CACHE_POLL_MAX: Duration = Duration::from_millis(50);

/// How long a reader waits for another one's load, or for the truth, before it is told to come back.
pub const CACHE_LOAD_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a session's data. Past it 413 BRG413: it is read with every request of its holder.
pub const SESSION_DATA_BYTES_MAX: usize = 16 << 10;

/// How often the end of a session in use is moved on, at most: else every request would write. A session shorter than ten
/// times this is moved on after a tenth of its time.
pub const SESSION_SLIDE: Duration = Duration::from_secs(60);

/// The longest that a session may last without being used.
pub const SESSION_TTL_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Tries to change a session's data beside others who do. Past it 503 BRG503.
pub const SESSION_CHANGES_MAX: u32 = 16;
