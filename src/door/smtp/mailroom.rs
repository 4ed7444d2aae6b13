//! From a mail to a stored transaction for each hook that it is for.
//!
//! What a client says about a mail is kept in the headers by which it can be told over HTTP too, so that the payload can be
//! read again. Of the address only the domain is kept: the rest is the hook's secret.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use super::command::Address;
use super::conversation::Mailroom;
use super::session::Announced;
use crate::catalog::HookInForce;
use crate::door::intake::{Incoming, RequestMeta, accept, accept_all};
use crate::door::receive::{check_address, check_status};
use crate::door::refused::{Asked, shown};
use crate::door::unfinished::Held;
use crate::door::{Door, Reason, Refusal};
use crate::hook::transaction::{self, HELO, MAIL_FROM, RCPT_TO};
use crate::hook::{self, HookKind};
use crate::secrets::sensitive::MASK;
use crate::signature::Gate;

/// How a mail is described to those who read transactions.
const CONTENT_TYPE: &str = "message/rfc822";
/// What stands where requests have a method.
const METHOD: &str = "SMTP";

/// The door for mails from one client.
pub struct Hooks<'a> {
    pub door: &'a Door,
    pub peer: IpAddr,
}

/// Room for the bytes of a mail, among those of all bodies.
pub struct Room<'a> {
    held: Held,
    reserved: Option<SemaphorePermit<'a>>,
    bytes: usize,
}

impl<'a> Mailroom for Hooks<'a> {
    type Hook = Arc<HookInForce>;
    type Room = Room<'a>;

    fn find(&self, address: &Address) -> Result<Arc<HookInForce>, Refusal> {
        let hash = address.local.to_ascii_lowercase();
        let found = self.door.catalog.snapshot().hook_by_hash(&hash).cloned();
        let Some(in_force) = found.filter(|in_force| in_force.hook.kind == HookKind::Email) else {
            self.door.refusals.add_unknown();
            return Err(Refusal::new(Reason::UnknownHook, "no hook has this address"));
        };
        check(&in_force, self.peer).inspect_err(|refusal| {
            let meta = || self.request_meta(vec![(RCPT_TO.to_owned(), masked(address))]);
            self.tell(&in_force, address, refusal, meta, &[]);
        })?;
        Ok(in_force)
    }

    fn room(&self) -> Room<'a> {
        Room { held: self.door.unfinished.body(self.peer), reserved: None, bytes: 0 }
    }

    fn grow(&self, room: &mut Room<'a>, bytes: usize) -> Result<(), Refusal> {
        room.bytes += bytes;
        room.held.grow_to(room.bytes)?;
        let more = self.door.bytes_in_flight.try_acquire_many(bytes as u32);
        let more = more.map_err(|_| Refusal::new(Reason::Overloaded, "too many mails are waiting; try again"))?;
        match &mut room.reserved {
            Some(reserved) => reserved.merge(more),
            None => room.reserved = Some(more),
        }
        Ok(())
    }

    async fn store(&self, mail: &Announced<Arc<HookInForce>>, text: Bytes) -> Result<String, Refusal> {
        let (mut deliveries, mut admissions) = (Vec::new(), Vec::new());
        for (hook, addresses) in by_hook(mail) {
            admissions.push(self.door.pacing.admit(hook, || self.door.catalog.snapshot())?);
            deliveries.push((hook.clone(), self.incoming(mail, hook, &addresses, &text)?));
        }
        let outcome = match deliveries.pop() {
            // By itself it goes the usual way, on which the first steps ride in the same commit.
            Some((hook, incoming)) if deliveries.is_empty() => {
                accept(self.door, &hook, incoming).await.map(|outcome| vec![outcome])
            }
            last => accept_all(self.door, deliveries.into_iter().chain(last).collect()).await,
        };
        let outcome = outcome.map_err(|error| Refusal::from_store(&error))?;
        let ids: Vec<String> = outcome.into_iter().map(|outcome| outcome.transaction().to_string()).collect();
        Ok(ids.join(", "))
    }

    fn refuse(&self, mail: &Announced<Arc<HookInForce>>, refusal: &Refusal, text: &[u8]) {
        for (hook, addresses) in by_hook(mail) {
            let meta = || self.request_meta(headers(mail, &addresses));
            self.tell(hook, addresses[0], refusal, meta, text);
        }
    }
}

impl Hooks<'_> {
    /// Counts a refusal, and keeps what is shown of the mail.
    fn tell(
        &self,
        in_force: &HookInForce,
        address: &Address,
        refusal: &Refusal,
        meta: impl Fn() -> RequestMeta,
        text: &[u8],
    ) {
        let asked = || Asked { method: METHOD, path: masked(address), content_length: None };
        self.door.refusals.add(&in_force.hook, refusal, || shown(in_force, refusal, asked(), meta(), text));
    }

    /// What is kept of a mail beside its bytes.
    fn request_meta(&self, headers: Vec<(String, String)>) -> RequestMeta {
        RequestMeta {
            content_type: Some(CONTENT_TYPE.to_owned()),
            headers,
            query: None,
            peer: Some(self.peer.to_string()),
        }
    }

    /// A mail as what a hook gets that is one or several of its recipients.
    fn incoming(
        &self,
        mail: &Announced<Arc<HookInForce>>,
        in_force: &HookInForce,
        addresses: &[&Address],
        text: &Bytes,
    ) -> Result<Incoming, Refusal> {
        let meta = self.request_meta(headers(mail, addresses));
        let header = |name: &str| meta.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let data = transaction::content(HookKind::Email, Some(CONTENT_TYPE), None, header)?.read(text)?;
        let (headers, peer) = (meta.headers.clone(), meta.peer.clone());
        Ok(Incoming::new(in_force, meta, text.clone(), (data, text.len()), || {
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            hook::Request { method: METHOD, headers, query: "", peer, signed_id: None }
        }))
    }
}

/// Whether a hook takes mails from there. One that asks for a proof of who sent them can't: a mail carries none.
fn check(in_force: &HookInForce, peer: IpAddr) -> Result<(), Refusal> {
    check_status(&in_force.hook)?;
    check_address(in_force, Some(peer))?;
    match in_force.gate {
        Gate::Open => Ok(()),
        _ => Err(Refusal::new(
            Reason::Signature,
            "this hook asks for a proof of who posts to it, which a mail can't carry",
        )),
    }
}

/// The hooks that a mail is for, each with its addresses.
fn by_hook(mail: &Announced<Arc<HookInForce>>) -> Vec<(&Arc<HookInForce>, Vec<&Address>)> {
    let mut hooks: Vec<(&Arc<HookInForce>, Vec<&Address>)> = Vec::new();
    for (hook, address) in &mail.recipients {
        match hooks.iter_mut().find(|(known, _)| known.hook.id == hook.hook.id) {
            Some((_, addresses)) => addresses.push(address),
            None => hooks.push((hook, vec![address])),
        }
    }
    hooks
}

/// What is kept of the envelope, by name. Of the recipients only those that are the hook itself: who else got the mail is
/// not for it to know.
fn headers(mail: &Announced<Arc<HookInForce>>, addresses: &[&Address]) -> Vec<(String, String)> {
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
