//! Signed tokens (JWT): verified by the keys of the configuration, remembered while they are good, and forgotten with the
//! keys that signed them.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use brigade::{
    data::{Principal, Result},
    limits::{KEY_FILES_LOOK, TOKEN_KEPT, TOKENS_MAX},
    schema::{AuthConfig, Config},
};
use jsonwebtoken::{Header, Validation, decode, decode_header, errors::ErrorKind, get_current_timestamp};
use serde_json::Value;

use super::{
    Refused,
    cache::{Cache, Verified},
    claims::{self, Claims},
    key_files::{KeyFiles, Seen, VerifyingKey},
    refusal::Why,
};

/// Verifies tokens.
pub struct Tokens {
    auth: AuthConfig,
    files: KeyFiles,
    keys: RwLock<Arc<Vec<VerifyingKey>>>,
    /// What the files looked like when the keys were read.
    seen: Mutex<Seen>,
    began: Instant,
    /// When the files are looked at again, in milliseconds since `began`.
    look_at: AtomicU64,
    cache: Cache,
}

impl Tokens {
    /// Reads the keys.
    ///
    /// # Errors
    /// BRGCFG with the place in brigade.toml.
    pub fn open(config: &Config, folder: &Path) -> Result<Self> {
        let files = KeyFiles::new(config, folder);
        let seen = Mutex::new(files.look());
        Ok(Self {
            auth: config.auth.clone().unwrap_or_default(),
            keys: RwLock::new(Arc::new(files.read()?)),
            files,
            seen,
            began: Instant::now(),
            look_at: AtomicU64::new(0),
            cache: Cache::new(TOKENS_MAX),
        })
    }

    /// Whom a token shows.
    ///
    /// # Errors
    /// Why it shows nobody.
    pub fn principal(&self, token: &str) -> Result<Arc<Principal>, Refused> {
        self.look_at_files();
        let now = get_current_timestamp();
        let hash = Cache::hash(token);
        if let Some(principal) = self.cache.get(&hash, now) {
            return Ok(principal);
        }
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let claims = self.verify(token, &keys)?;
        self.check_issued(&claims, now)?;
        let principal = Arc::new(claims::principal(&claims, &self.auth)?);
        let exp = claims.get("exp").and_then(Value::as_f64);
        let good = exp.map_or(u64::MAX, |exp| (exp as u64).saturating_add(self.leeway()));
        let verified = Verified { principal: Arc::clone(&principal), until: good.min(now + TOKEN_KEPT.as_secs()) };
        // Under the lock that a change of keys takes: what an old key verified must not come in after it was cleared.
        let current = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &keys) {
            self.cache.put(hash, verified);
        }
        Ok(principal)
    }

    fn verify(&self, token: &str, keys: &[VerifyingKey]) -> Result<Claims, Refused> {
        // `alg: none`, and whatever else no key here is for, ends with this.
        let header: Header = decode_header(token).map_err(|_| Refused::new(Why::Unverified))?;
        if header.crit.is_some() {
            return Err(Refused::new(Why::Unverified));
        }
        let fits = |key: &&VerifyingKey| {
            let named = key.id.is_none() || header.kid.is_none() || key.id == header.kid;
            key.algorithm == header.alg && named
        };
        let mut refused = Refused::new(Why::Unverified);
        for key in keys.iter().filter(fits) {
            match decode::<Claims>(token, &key.key, &self.validation(key)) {
                Ok(verified) => return Ok(verified.claims),
                Err(error) => match why(error.kind()) {
                    // Another key may be the one that signed it.
                    Why::Unverified => {}
                    other => refused = Refused::new(other),
                },
            }
        }
        Err(refused)
    }

    fn validation(&self, key: &VerifyingKey) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.leeway();
        validation.validate_nbf = true;
        validation.required_spec_claims.clear();
        match &self.auth.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        validation
    }

    /// A token from the future was signed by a clock that cannot be trusted with `exp` either.
    fn check_issued(&self, claims: &Claims, now: u64) -> Result<(), Refused> {
        match claims.get("iat") {
            None => Ok(()),
            Some(issued) => match issued.as_f64() {
                Some(issued) if issued <= (now + self.leeway()) as f64 => Ok(()),
                Some(_) => Err(Refused::new(Why::NotYet)),
                None => Err(Refused::new(Why::Claim)),
            },
        }
    }

    fn leeway(&self) -> u64 {
        self.auth.leeway.as_secs()
    }

    /// Reads the keys again where a file has changed. One request in a second pays for a look at the files' times; the others
    /// go on. A file that cannot be used changes nothing, and says so in the log.
    fn look_at_files(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.look_at.load(Ordering::Acquire);
        let next = now + KEY_FILES_LOOK.as_millis() as u64;
        if now < due || self.look_at.compare_exchange(due, next, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = self.files.look();
        if *seen == looks {
            return;
        }
        *seen = looks;
        match self.files.read() {
            Ok(read) => {
                let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                tracing::info!(keys = read.len(), "the keys that tokens are verified with were read again");
                *keys = Arc::new(read);
                self.cache.clear();
            }
            Err(error) => tracing::error!(%error, "the keys that tokens are verified with stay as they were"),
        }
    }
}

fn why(kind: &ErrorKind) -> Why {
    match kind {
        ErrorKind::ExpiredSignature => Why::Expired,
        ErrorKind::ImmatureSignature => Why::NotYet,
        ErrorKind::InvalidAudience => Why::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Why::Audience,
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => Why::Claim,
        _ => Why::Unverified,
    }
}
