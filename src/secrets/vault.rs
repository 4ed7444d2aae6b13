//! Encryption of secrets at rest: the values of variables, and calls that contain them.
//!
//! Each text is sealed with ChaCha20-Poly1305 (RFC 8439) under a random nonce and bound to a context: moved to another
//! row, it can't be opened. The key is 32 random bytes, from `HOOKFLOW_SECRET_KEY` or from a file that is created at
//! first start and that only its owner can read. The database stores only the [`Vault::key_id`], so that a wrong key
//! is detected at start.
//!
//! Limits: a key should seal at most 2^32 texts; beyond that, random 96-bit nonces are no longer safe.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

use crate::base::id::random_bytes;

/// The environment variable with the secret key. There is no flag, because `ps` shows flags to other users.
pub const KEY_VARIABLE: &str = "HOOKFLOW_SECRET_KEY";

const KEY_BYTES: usize = 32;

/// Encrypts and decrypts texts with one key; cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    key: LessSafeKey,
    key_id: String,
}

/// Why the secret key is not available.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "{KEY_VARIABLE} must be 32 bytes as 64 hex characters or Base64, such as the output of `openssl rand -hex 32`"
    )]
    InvalidVariable,
    #[error("the secret key file `{}` is invalid: expected 64 hex characters; restore the right file", .0.display())]
    InvalidFile(PathBuf),
    #[error("the secret key file `{}` can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "the secret key file `{}` can't be written; set {KEY_VARIABLE}, or name another file with --secret-key-file",
        path.display()
    )]
    Write { path: PathBuf, source: std::io::Error },
}

/// A sealed text that can't be opened: it was sealed with another key or context, or was modified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("encrypted with another secret key, or modified")]
pub struct UnsealError;

impl Vault {
    /// A vault with this key.
    pub fn new(key: [u8; KEY_BYTES]) -> Vault {
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the algorithm's keys have 32 bytes");
        let id = Sha256::new().chain_update(b"hookflow key id ").chain_update(key).finalize();
        Vault(Arc::new(Inner { key: LessSafeKey::new(unbound), key_id: hex::encode(&id[..8]) }))
    }

    /// A vault with a random key that lives as long as the process.
    pub fn random() -> Vault {
        Vault::new(random_bytes())
    }

    /// Opens the vault with the key from the environment, or else from the file, which is created if missing.
    ///
    /// # Errors
    /// [`KeyError`]. An existing key is never replaced.
    pub fn open(file: &Path) -> Result<Vault, KeyError> {
        let variable = std::env::var(KEY_VARIABLE).ok().filter(|text| !text.trim().is_empty());
        if let Some(text) = variable {
            return parse_key(&text).map(Vault::new).ok_or(KeyError::InvalidVariable);
        }
        match std::fs::read_to_string(file) {
            Ok(text) => parse_key(&text).map(Vault::new).ok_or_else(|| KeyError::InvalidFile(file.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create_file(file),
            Err(source) => Err(KeyError::Read { path: file.to_owned(), source }),
        }
    }

    /// Identifies the key without revealing it.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// Encrypts `text`. Only [`Vault::unseal`] with the same `context` can open it.
    pub fn seal(&self, text: &str, context: &str) -> String {
        let nonce: [u8; NONCE_LEN] = random_bytes();
        let mut bytes = text.as_bytes().to_vec();
        let sealing = self.0.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context.as_bytes()),
            &mut bytes,
        );
        sealing.expect("texts are far shorter than the algorithm's limit");
        STANDARD.encode([&nonce[..], &bytes].concat())
    }

    /// Decrypts a sealed text.
    ///
    /// # Errors
    /// If it was sealed with another key or context, or was modified.
    pub fn unseal(&self, sealed: &str, context: &str) -> Result<String, UnsealError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| UnsealError)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(UnsealError)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut rest);
        let text = opened.map_err(|_| UnsealError)?.to_vec();
        String::from_utf8(text).map_err(|_| UnsealError)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("key_id", &self.0.key_id).finish_non_exhaustive()
    }
}

fn parse_key(text: &str) -> Option<[u8; KEY_BYTES]> {
    let text = text.trim();
    let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
    bytes.try_into().ok()
}

/// Creates the key file. If another process creates it at the same time, uses that one.
fn create_file(path: &Path) -> Result<Vault, KeyError> {
    let key: [u8; KEY_BYTES] = random_bytes();
    let failed = |source| KeyError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Written to a temporary file and then linked, so that no process reads a partial key.
    let unfinished = folder.join(format!(".hookflow-key-{}", hex::encode(random_bytes::<8>())));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(failed)?;
    let written = writeln!(file, "{}", hex::encode(key)).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(&unfinished, path));
    let _ = std::fs::remove_file(&unfinished);
    match linked {
        Ok(()) => {
            log::info!(file:% = path.display(); "created a secret key for variables; keep a copy in a safe place");
            Ok(Vault::new(key))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Vault::open(path),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsealing_needs_the_same_key_and_context() {
        let (vault, other) = (Vault::new([1; 32]), Vault::new([2; 32]));
        let sealed = vault.seal("s3cret", "org/variable");
        assert_eq!(vault.unseal(&sealed, "org/variable").as_deref(), Ok("s3cret"));
        assert_eq!(vault.unseal(&sealed, "org/other"), Err(UnsealError));
        assert_eq!(other.unseal(&sealed, "org/variable"), Err(UnsealError));
        assert_ne!(vault.seal("s3cret", "org/variable"), sealed, "nonces are used once");
        let mut bytes = STANDARD.decode(&sealed).unwrap();
        bytes[14] ^= 1;
        assert_eq!(vault.unseal(&STANDARD.encode(bytes), "org/variable"), Err(UnsealError));
        assert!(["", "!", "AAAA"].iter().all(|text| vault.unseal(text, "").is_err()));
    }

    #[test]
    fn key_ids_identify_keys_without_revealing_them() {
        assert_eq!(Vault::new([1; 32]).key_id(), Vault::new([1; 32]).key_id());
        assert_ne!(Vault::new([1; 32]).key_id(), Vault::new([2; 32]).key_id());
        assert_eq!(format!("{:?}", Vault::new([1; 32])).matches("0101").count(), 0);
    }

    #[test]
    fn keys_parse_as_hex_or_base64() {
        let hex = "07".repeat(32);
        assert_eq!(parse_key(&format!(" {hex}\n")), Some([7; 32]));
        assert_eq!(parse_key(&STANDARD.encode([7; 32])), Some([7; 32]));
        assert!(["", "07", "password", &"0".repeat(63)].iter().all(|text| parse_key(text).is_none()));
    }

    #[test]
    fn the_key_file_is_created_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.key");
        let vault = create_file(&path).unwrap();
        assert_eq!(create_file(&path).unwrap().key_id(), vault.key_id());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
