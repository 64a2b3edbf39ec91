//! The keys that tokens are verified with, out of brigade.toml and the files that it names.
//!
//! Invariant: each key has one algorithm, which the key decides and never the token. A public RSA key is therefore never a
//! secret of HS256, whatever a token's header says.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use brigade::{
    data::{Error, Result, code},
    limits::KEY_FILE_BYTES_MAX,
    schema::{Config, SECRET_BYTES_MIN},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};

/// A key, and the one algorithm that it is for.
pub struct VerifyingKey {
    /// Its name in a set; none: it has none.
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

/// What a file looked like: another modification time or length means another content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(Vec<Option<(SystemTime, u64)>>);

/// The files that hold keys.
pub struct KeyFiles {
    config: Config,
    folder: PathBuf,
}

impl KeyFiles {
    /// Those of a project.
    pub fn new(config: &Config, folder: &Path) -> Self {
        Self { config: config.clone(), folder: folder.to_owned() }
    }

    /// What the files look like now.
    pub fn look(&self) -> Seen {
        let auth = self.config.auth.iter();
        let files = auth.flat_map(|auth| [&auth.jwt_secret_file, &auth.jwt_public_key, &auth.jwks]).flatten();
        let look = |file: &String| {
            let facts = std::fs::metadata(self.folder.join(file)).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        };
        Seen(files.map(look).collect())
    }

    /// Every key.
    ///
    /// # Errors
    /// BRGCFG with the place in brigade.toml.
    pub fn read(&self) -> Result<Vec<VerifyingKey>> {
        let mut keys = Vec::new();
        let Some(auth) = &self.config.auth else { return Ok(keys) };
        if let Some(secret) = &auth.jwt_secret {
            keys.push(of_secret(secret.reveal().as_bytes()));
        }
        if let Some(file) = &auth.jwt_secret_file {
            let bytes = self.file("jwt_secret_file", file)?;
            let secret = bytes.trim_ascii_end();
            if secret.len() < SECRET_BYTES_MIN {
                let what = format!("the secret in {file} is shorter than {SECRET_BYTES_MIN} bytes");
                return Err(self.wrong("jwt_secret_file", &what, "make one with: openssl rand -base64 48"));
            }
            keys.push(of_secret(secret));
        }
        if let Some(file) = &auth.jwt_public_key {
            let bytes = self.file("jwt_public_key", file)?;
            keys.push(of_pem(&bytes).ok_or_else(|| {
                let what = format!("{file} holds no public key of RSA or of the curve P-256");
                self.wrong("jwt_public_key", &what, "write the public key as PEM: openssl pkey -in KEY -pubout")
            })?);
        }
        if let Some(file) = &auth.jwks {
            let hint = "as {\"keys\": [{\"kty\": \"RSA\", \"kid\": …}]}, with keys for RS256, ES256 or HS256";
            let set: JwkSet = serde_json::from_slice(&self.file("jwks", file)?)
                .map_err(|_| self.wrong("jwks", &format!("{file} holds no JSON Web Key Set"), hint))?;
            let before = keys.len();
            keys.extend(set.keys.iter().filter_map(of_jwk));
            if keys.len() == before {
                return Err(self.wrong("jwks", &format!("{file} holds no key that can be used"), hint));
            }
        }
        Ok(keys)
    }

    fn file(&self, key: &str, file: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(self.folder.join(file))
            .and_then(|file| file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if bytes.len() as u64 > KEY_FILE_BYTES_MAX => {
                Err(self.wrong(key, &format!("{file} is larger than {KEY_FILE_BYTES_MAX} bytes"), "name another file"))
            }
            Ok(_) => Ok(bytes),
            Err(e) => {
                let what = format!("{file} cannot be read: {e}");
                Err(self.wrong(key, &what, "name a file, from the project's folder on"))
            }
        }
    }

    fn wrong(&self, key: &str, what: &str, hint: &str) -> Error {
        let place = self.config.place(&["auth", key]);
        Error::new(code::CONFIG, format!("{place}: auth.{key}: {what}")).hint(hint)
    }
}

/// How the head of a public key's PEM ends.
const PUBLIC: &[u8] = b"PUBLIC KEY-----";

/// Bytes of a point of the curve P-256.
const POINT_BYTES: usize = 65;

fn of_secret(secret: &[u8]) -> VerifyingKey {
    VerifyingKey { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) }
}

/// None for a private key too: the library takes one, and then verifies nothing with it.
fn of_pem(pem: &[u8]) -> Option<VerifyingKey> {
    if !pem.windows(PUBLIC.len()).any(|part| part == PUBLIC) {
        return None;
    }
    let rsa = DecodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key));
    let (algorithm, key) = rsa.or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key))).ok()?;
    let other_curve = algorithm == Algorithm::ES256 && key.try_get_as_bytes().ok()?.len() != POINT_BYTES;
    (!other_curve).then_some(VerifyingKey { id: None, algorithm, key })
}

/// None for a key of another use or another algorithm: sets of providers hold such keys beside the ones that are meant.
fn of_jwk(jwk: &Jwk) -> Option<VerifyingKey> {
    if jwk.common.public_key_use.as_ref().is_some_and(|is_for| *is_for != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|given| given != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let too_short = algorithm == Algorithm::HS256 && key.try_get_as_bytes().map_or(0, <[u8]>::len) < SECRET_BYTES_MIN;
    (!too_short).then(|| VerifyingKey { id: jwk.common.key_id.clone(), algorithm, key })
}
