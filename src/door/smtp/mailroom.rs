//! From a mail to a stored transaction for each hook among its recipients.
//!
//! The SMTP envelope is stored in the same headers in which it can be sent over HTTP, so that the payload can be read
//! again. Of recipient addresses only the domain is stored: the rest is the hook's secret.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use super::command::Address;
use super::conversation::Mailroom;
use super::session::Envelope;
use crate::catalog::HookInForce;
use crate::content::Notes;
use crate::door::intake::{Incoming, RequestMeta, accept, accept_all};
use crate::door::receive::{check_address, check_status};
use crate::door::refused::{RequestHead, SeenBody, refused_request};
use crate::door::unfinished::HeldBytes;
use crate::door::{Door, Reason, Refusal};
use crate::hook::transaction::{self, HELO, MAIL_FROM, RCPT_TO};
use crate::hook::{self, HookKind};
use crate::secrets::sensitive::MASK;
use crate::signature::Gate;

/// The content type of transactions from mails.
const CONTENT_TYPE: &str = "message/rfc822";
/// The method of transactions from mails.
const METHOD: &str = "SMTP";

/// Delivers the mails of one client to hooks.
pub struct HookMailroom<'a> {
    pub door: &'a Door,
    pub peer: IpAddr,
}

/// Memory reserved for the bytes of a mail, out of the limit for all bodies.
pub struct Reservation<'a> {
    held: HeldBytes,
    reserved: Option<SemaphorePermit<'a>>,
    bytes: usize,
}

/// The name of the hook that gets the mails to `postmaster`.
const POSTMASTER: &str = "postmaster";

impl<'a> Mailroom for HookMailroom<'a> {
    /// `None` is the postmaster, if no hook has this name.
    type Hook = Option<Arc<HookInForce>>;
    type Reservation = Reservation<'a>;

    fn find(&self, address: &Address) -> Result<Option<Arc<HookInForce>>, Refusal> {
        let local = address.local.to_ascii_lowercase();
        let snapshot = self.door.catalog.snapshot();
        let found = match local.as_str() {
            // Every server must accept these mails (RFC 5321, 4.5.1).
            POSTMASTER => {
                let hook = |org| snapshot.hook_by_name(org, HookKind::Email, POSTMASTER);
                match snapshot.orgs().find_map(|org| hook(org.id)) {
                    Some(hook) => Some(hook.clone()),
                    None => return Ok(None),
                }
            }
            hash => snapshot.hook_by_hash(hash).cloned(),
        };
        let Some(in_force) = found.filter(|in_force| in_force.hook.kind == HookKind::Email) else {
            self.door.refusals.add_unknown();
            return Err(Refusal::new(Reason::UnknownHook, "no hook has this address"));
        };
        check(&in_force, self.peer).inspect_err(|refusal| {
            let meta = || self.request_meta(vec![(RCPT_TO.to_owned(), masked(address))]);
            self.record_refusal(&in_force, address, refusal, meta, &[]);
        })?;
        Ok(Some(in_force))
    }

    fn reservation(&self) -> Reservation<'a> {
        Reservation { held: self.door.unfinished.body(self.peer), reserved: None, bytes: 0 }
    }

    fn grow(&self, reservation: &mut Reservation<'a>, bytes: usize) -> Result<(), Refusal> {
        reservation.bytes += bytes;
        reservation.held.grow_to(reservation.bytes)?;
        let more = self.door.bytes_in_flight.try_acquire_many(bytes as u32);
        let more = more.map_err(|_| Refusal::new(Reason::Overloaded, "too many mails are waiting; try again"))?;
        match &mut reservation.reserved {
            Some(reserved) => reserved.merge(more),
            None => reservation.reserved = Some(more),
        }
        Ok(())
    }

    async fn store(&self, mail: &Envelope<Self::Hook>, text: Bytes) -> Result<String, Refusal> {
        if by_hook(mail).is_empty() {
            log::warn!(bytes = text.len(); "a mail to the postmaster was dropped; an e-mail hook named `{POSTMASTER}` would get it");
            return Ok("for the postmaster".to_owned());
        }
        let (mut requests, mut admissions) = (Vec::new(), Vec::new());
        for (hook, addresses) in by_hook(mail) {
            admissions.push(self.door.rate_limiters.admit(hook, || self.door.catalog.snapshot())?);
            requests.push((hook.clone(), self.incoming(mail, hook, &addresses, &text)?));
        }
        let outcome = match requests.pop() {
            // A single one goes the usual way, in which the first steps run in the same commit.
            Some((hook, incoming)) if requests.is_empty() => {
                accept(self.door, &hook, incoming).await.map(|outcome| vec![outcome])
            }
            last => accept_all(self.door, requests.into_iter().chain(last).collect()).await,
        };
        let outcome = outcome.map_err(|error| Refusal::from_store(&error))?;
        let ids: Vec<String> = outcome.into_iter().map(|outcome| outcome.transaction().to_string()).collect();
        Ok(ids.join(", "))
    }

    fn refuse(&self, mail: &Envelope<Self::Hook>, refusal: &Refusal, text: &[u8]) {
        for (hook, addresses) in by_hook(mail) {
            let meta = || self.request_meta(headers(mail, &addresses));
            self.record_refusal(hook, addresses[0], refusal, meta, text);
        }
    }
}

impl HookMailroom<'_> {
    /// Counts a refusal, and keeps an excerpt of the mail.
    fn record_refusal(
        &self,
        in_force: &HookInForce,
        address: &Address,
        refusal: &Refusal,
        meta: impl Fn() -> RequestMeta,
        text: &[u8],
    ) {
        let head = || RequestHead { method: METHOD, path: masked(address), content_length: None };
        let body = || SeenBody { bytes: Bytes::copy_from_slice(text), is_whole: !text.is_empty() };
        self.door.refusals.add(&in_force.hook, refusal, || refused_request(in_force, refusal, head(), meta(), &body()));
    }

    /// The metadata stored with a mail.
    fn request_meta(&self, headers: Vec<(String, String)>) -> RequestMeta {
        RequestMeta {
            method: METHOD.to_owned(),
            content_type: Some(CONTENT_TYPE.to_owned()),
            headers,
            query: None,
            peer: Some(self.peer.to_string()),
        }
    }

    /// The mail as a request to a hook, which may be several of its recipients.
    fn incoming(
        &self,
        mail: &Envelope<Option<Arc<HookInForce>>>,
        in_force: &HookInForce,
        addresses: &[&Address],
        text: &Bytes,
    ) -> Result<Incoming, Refusal> {
        let meta = self.request_meta(headers(mail, addresses));
        let header = |name: &str| meta.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let data = transaction::content(HookKind::Email, Some(CONTENT_TYPE), None, header)
            .and_then(|content| content.read(text, &mut Notes::default()));
        let data = match data {
            Ok(data) => data,
            Err(error) => return Incoming::unreadable(in_force, meta, text.clone(), error.into()),
        };
        let (headers, peer) = (meta.headers.clone(), meta.peer.clone());
        Ok(Incoming::new(in_force, meta, text.clone(), (data, text.len()), || {
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            hook::Request {
                method: METHOD,
                path: transaction::path(HookKind::Email),
                headers,
                query: "",
                peer,
                signed_id: None,
            }
        }))
    }
}

/// Refuses mails that the hook does not accept. A hook that requires verification accepts none: a mail carries no
/// proof.
fn check(in_force: &HookInForce, peer: IpAddr) -> Result<(), Refusal> {
    check_status(&in_force.hook)?;
    check_address(in_force, Some(peer))?;
    match in_force.gate {
        Gate::Open => Ok(()),
        _ => Err(Refusal::new(Reason::Signature, "this hook requires verification, which a mail cannot provide")),
    }
}

/// The hooks among the recipients, each with its addresses.
fn by_hook(mail: &Envelope<Option<Arc<HookInForce>>>) -> Vec<(&Arc<HookInForce>, Vec<&Address>)> {
    let mut hooks: Vec<(&Arc<HookInForce>, Vec<&Address>)> = Vec::new();
    let of_hooks = mail.recipients.iter().filter_map(|(hook, address)| Some((hook.as_ref()?, address)));
    for (hook, address) in of_hooks {
        match hooks.iter_mut().find(|(known, _)| known.hook.id == hook.hook.id) {
            Some((_, addresses)) => addresses.push(address),
            None => hooks.push((hook, vec![address])),
        }
    }
    hooks
}

/// The envelope as headers. Recipients are limited to those that are the hook itself: a hook must not learn who else
/// got the mail.
fn headers(mail: &Envelope<Option<Arc<HookInForce>>>, addresses: &[&Address]) -> Vec<(String, String)> {
    let recipients: Vec<String> = addresses.iter().map(|address| masked(address)).collect();
    let named = [
        ("content-type", CONTENT_TYPE.to_owned()),
        (HELO, mail.helo.clone()),
        (MAIL_FROM, mail.from.clone().unwrap_or_default()),
        (RCPT_TO, recipients.join(", ")),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}

/// An address without the hook's secret.
fn masked(address: &Address) -> String {
    format!("{MASK}@{}", address.domain)
}
