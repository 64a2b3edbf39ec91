//! API keys: made here, shown once, and kept as hashes in one file of the data folder.
//!
//! A key is 256 random bits, so that its plain SHA-256 can neither be turned round nor tried out: the slow hashes that
//! passwords need protect what people choose, and would here only cost each request milliseconds. Looking a key up is one
//! look into memory; the file is written, and durable, before a change counts.

mod file;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use brigade_core::{
    data::{Credential, Error, Principal, Result, SERVICE, code},
    limits::API_KEYS_MAX,
    schema::{access::Access, nearest},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every API key begins with, so that it is told from a signed token, and found where it should not be.
pub const API_KEY_PREFIX: &str = "bgk_";

/// Bytes of a name, a role, a tenant or a tier.
const TEXT_BYTES_MAX: usize = 255;

/// What a new key is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Whose data it works on.
    pub tenant: Option<String>,
    /// Which quota it has.
    pub tier: Option<String>,
}

/// A key as it may be shown: without what makes it one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which is part of the key itself.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Whose data it works on.
    pub tenant: Option<String>,
    /// Which quota it has.
    pub tier: Option<String>,
    /// When it was made.
    pub created_at: String,
}

/// A key as it is kept.
#[derive(Clone)]
struct Kept {
    key: ApiKey,
    hash: Hash,
    /// Who shows it: made once, and shared by all its requests.
    principal: Arc<Principal>,
}

impl Kept {
    fn new(key: ApiKey, hash: Hash) -> Self {
        let principal = Arc::new(Principal {
            credential: Credential::ApiKey,
            id: Some(key.id.clone()),
            tenant: key.tenant.clone(),
            tier: key.tier.clone(),
            roles: vec![key.role.clone()],
        });
        Self { key, hash, principal }
    }
}

/// SHA-256 of a whole key.
type Hash = [u8; 32];

type Keys = BTreeMap<String, Kept>;

/// The API keys of a project.
pub struct ApiKeys {
    path: PathBuf,
    /// What readers see: replaced whole, so that nobody waits for a file.
    kept: RwLock<Arc<Keys>>,
    /// Changes come one after the other.
    changing: Mutex<()>,
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ApiKeys {
    /// Reads the keys of a data folder, which this process owns.
    ///
    /// # Errors
    /// BRGCFG where the file is there and cannot be understood: going on without it would lock everybody out.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(file::NAME);
        let kept = file::read(&path)?;
        Ok(Self { path, kept: RwLock::new(Arc::new(kept)), changing: Mutex::new(()) })
    }

    /// Makes a key. The text is what its holder sends; it is not kept and cannot be shown again. Blocks for one fsync.
    ///
    /// # Errors
    /// BRG400 for a role that opens nothing, or a text too long; BRG413 past [`API_KEYS_MAX`]; BRG503 where the file cannot be
    /// written, and then there is no such key.
    pub fn create(&self, new: NewApiKey, access: &Access) -> Result<(ApiKey, String)> {
        check(&new, access)?;
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Keys::clone(&self.all());
        if kept.len() >= API_KEYS_MAX {
            return Err(Error::new(code::LIMIT, "there are too many API keys")
                .details(format!("API_KEYS_MAX is {API_KEYS_MAX}"))
                .hint("revoke those that nobody uses"));
        }
        let NewApiKey { name, role, tenant, tier } = new;
        let id = hex(&rand::random::<[u8; 8]>());
        let token = format!("{API_KEY_PREFIX}{id}_{}", hex(&rand::random::<[u8; 32]>()));
        let created_at = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string();
        let key = ApiKey { id: id.clone(), name, role, tenant, tier, created_at };
        kept.insert(id, Kept::new(key.clone(), hash(&token)));
        self.put(kept)?;
        Ok((key, token))
    }

    /// Takes a key back: from now on it is unknown. False where there is none of this id. Blocks for one fsync.
    ///
    /// # Errors
    /// BRG503 where the file cannot be written, and then the key is still good.
    pub fn revoke(&self, id: &str) -> Result<bool> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Keys::clone(&self.all());
        if kept.remove(id).is_none() {
            return Ok(false);
        }
        self.put(kept)?;
        Ok(true)
    }

    /// Every key, by id.
    pub fn list(&self) -> Vec<ApiKey> {
        self.all().values().map(|kept| kept.key.clone()).collect()
    }

    /// Who shows this key; none where it is unknown. How long that takes says nothing about how much of it was right: the id
    /// is no secret, and the rest is compared as hashes, whole.
    pub fn principal(&self, token: &str) -> Option<Arc<Principal>> {
        let (id, _) = token.strip_prefix(API_KEY_PREFIX)?.split_once('_')?;
        let all = self.all();
        let kept = all.get(id)?;
        let same: bool = hash(token).ct_eq(&kept.hash).into();
        same.then(|| Arc::clone(&kept.principal))
    }

    fn all(&self) -> Arc<Keys> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, kept: Keys) -> Result<()> {
        file::write(&self.path, &kept)?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
        Ok(())
    }
}

fn check(new: &NewApiKey, access: &Access) -> Result<()> {
    let texts = [("name", Some(&new.name)), ("role", Some(&new.role)), ("tenant", new.tenant.as_ref())];
    for (what, text) in texts.into_iter().chain([("tier", new.tier.as_ref())]) {
        let Some(text) = text else { continue };
        if text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) || (what != "name" && text.is_empty()) {
            return Err(Error::new(code::MALFORMED, format!("{what}: no such text can be kept"))
                .hint(format!("use 1 to {TEXT_BYTES_MAX} visible characters")));
        }
    }
    if new.role == SERVICE || access.roles.contains_key(&new.role) {
        return Ok(());
    }
    let known = access.roles.keys().map(String::as_str).chain([SERVICE]);
    let hint = match nearest(&new.role, known.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => {
            format!("known: {}; a role is made by [access.ROLE] in brigade.toml", known.collect::<Vec<_>>().join(", "))
        }
    };
    Err(Error::new(code::MALFORMED, format!("there is no role {:?}", new.role)).hint(hint))
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
