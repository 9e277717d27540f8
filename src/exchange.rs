//! A request on its way through the stages, and the proofs it gathers.
//!
//! Each proof is made by one stage and consumed by the next; its fields are private to the crate
//! so that nobody else can make one up. What a proof holds is all that later stages may rely on.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use http::request::Parts;
use smallvec::SmallVec;

use crate::body::{ClientBody, Outgoing};
use crate::certificate::Certificate;
use crate::credentials::InUse;
use crate::denial::Denial;
use crate::endpoint::Endpoint;
use crate::ledger::OpenRecord;
use crate::limits::Permit;
use crate::peek::{ModelAt, Parameters, Said};
use crate::snapshot::{Snapshot, UpstreamSet};

/// A request on its way. `S` is the proof of the last stage it passed.
///
/// The stages hand it on by value. What does not change is in one box, so that each hand-over
/// copies a pointer and a proof.
#[derive(Debug)]
pub struct Exchange<S> {
    /// The proof. Before the record, in the order in which they are dropped: when it is told that a request has ended,
    /// what it held is free.
    pub stage: S,
    /// The request itself.
    pub carried: Box<Carried>,
}

/// What a request carries through all stages.
#[derive(Debug)]
pub struct Carried {
    /// The request's head as the client sent it. When the request is sent, most take their headers with them.
    pub head: Parts,
    /// The request's body.
    pub body: ClientBody,
    /// The configuration that judges it, from its first byte to its last.
    pub snapshot: Arc<Snapshot>,
    /// What will be told of it.
    pub record: OpenRecord,
    /// The certificate that the client showed.
    pub certificate: Option<Arc<Certificate>>,
    /// The rules by which a file for a batch was checked that it brings.
    pub checked: Option<Box<str>>,
}

impl<S> Deref for Exchange<S> {
    type Target = Carried;

    fn deref(&self) -> &Carried {
        &self.carried
    }
}

impl<S> DerefMut for Exchange<S> {
    fn deref_mut(&mut self) -> &mut Carried {
        &mut self.carried
    }
}

/// A request that was refused, with what is needed to answer it.
#[derive(Debug)]
pub struct Refusal(pub Box<Refused>);

/// The inside of a [`Refusal`].
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The request, its record still open.
    pub carried: Box<Carried>,
}

/// The request has come.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The other end of the connection.
    pub peer: IpAddr,
}

/// Its form is one that can be judged.
#[derive(Debug)]
pub struct Formed {
    pub(crate) peer: IpAddr,
}

/// Its address may speak to the gate.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) address: IpAddr,
}

/// Its key is one of ours and works now.
#[derive(Debug)]
pub struct Identified {
    pub(crate) address: IpAddr,
    pub(crate) caller: Caller,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub(crate) project: usize,
    pub(crate) key: usize,
}

/// The key may be used from its address.
#[derive(Debug)]
pub struct Placed {
    pub(crate) caller: Caller,
}

/// The project may call the endpoint.
#[derive(Debug)]
pub struct Scoped {
    pub(crate) caller: Caller,
    pub(crate) endpoint: &'static Endpoint,
    /// What of the path's root goes upstream.
    pub(crate) root: &'static str,
    /// The path behind its root, where it has parameters.
    pub(crate) tail: Option<Box<str>>,
    pub(crate) path_model: Option<Arc<str>>,
    pub(crate) query: String,
    pub(crate) upstreams: UpstreamSet,
}

/// It has requests left and holds its slots.
#[derive(Debug)]
pub struct Metered {
    pub(crate) scoped: Scoped,
    pub(crate) permits: Permits,
}

/// The slots that a request holds until its answer has ended.
pub type Permits = SmallVec<[Permit; 2]>;

/// Its body is here and says clearly what it asks for.
#[derive(Debug)]
pub struct Asked {
    pub(crate) scoped: Scoped,
    pub(crate) permits: Permits,
    pub(crate) model: Option<Arc<str>>,
    /// What else the body asks for, where the project has rules on it.
    pub(crate) parameters: Option<Box<Parameters>>,
    /// Where in the body the model stands.
    pub(crate) model_at: Option<ModelAt>,
    /// Models that it names besides.
    pub(crate) others: SmallVec<[Arc<str>; 1]>,
    pub(crate) rerouting: Option<&'static str>,
    /// The response that is continued.
    pub(crate) previous_response: Option<Box<str>>,
    /// What the body says of a report of usage, where one is to be asked for.
    pub(crate) report_said: Option<Said>,
    pub(crate) body: Outgoing,
}

/// The project may use the model, and the upstream is chosen.
#[derive(Debug)]
pub struct Permitted {
    pub(crate) scoped: Scoped,
    /// The alias by which the model was asked for, by its number.
    pub(crate) alias: Option<usize>,
    pub(crate) permits: Permits,
    pub(crate) upstream: usize,
    pub(crate) previous_response: Option<Box<str>>,
    /// Whether a report of usage is asked for that the client did not ask for.
    pub(crate) hides_usage: bool,
    pub(crate) body: Outgoing,
}

/// Tokens and money are left for it, and what it may use was taken from them.
#[derive(Debug)]
pub struct Funded {
    pub(crate) permitted: Permitted,
}

/// It is ready to be sent; the client's credential is gone and the upstream's is in.
#[derive(Debug)]
pub struct Outbound {
    pub(crate) caller: Caller,
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) permits: Permits,
    pub(crate) upstream: usize,
    /// Boxed: it is handed on by value until it is sent.
    pub(crate) request: Box<http::Request<Outgoing>>,
    /// The credential that it carries, if the upstream takes one.
    pub(crate) in_use: Option<InUse>,
    /// Whether it must still be put in, when a cloud has granted it.
    pub(crate) waits: bool,
    /// The alias by which the model was asked for, by its number.
    pub(crate) alias: Option<usize>,
    /// Whether a report of usage is asked for that the client did not ask for.
    pub(crate) hides_usage: bool,
    /// All upstreams whose lists of models are asked for, where there are several.
    pub(crate) among: Option<Box<UpstreamSet>>,
}

impl<S> Exchange<S> {
    /// Refuses the request.
    #[must_use]
    pub fn refuse(self, denial: Denial) -> Refusal {
        Refusal(Box::new(Refused { denial, carried: self.carried }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Frames;
    use crate::clock::Moment;
    use crate::config;
    use crate::ledger::Ledger;
    use crate::metrics::Metrics;
    use crate::record::{Form, Record};

    /// Notes how many requests were under way when it was let go.
    struct Held<'h>(&'h Metrics, &'h mut Option<i64>);

    impl Drop for Held<'_> {
        fn drop(&mut self) {
            *self.1 = Some(self.0.in_flight.get());
        }
    }

    #[test]
    fn what_a_request_held_is_free_before_its_end_is_told() {
        let snapshot = config::smallest();
        let (head, ()) = http::Request::get("/v1/models").body(()).unwrap().into_parts();
        let record = Record::begin(&head, [192, 0, 2, 1].into(), Arc::clone(&snapshot), Moment::now());
        let metrics = Arc::new(Metrics::default());
        let ledger = Arc::new(Ledger::new(Arc::clone(&metrics), Form::Json));
        let carried = Box::new(Carried {
            head,
            body: ClientBody::Held(Frames::default()),
            snapshot,
            record: OpenRecord::open(Box::new(record), ledger),
            certificate: None,
            checked: None,
        });
        let mut under_way = None;
        drop(Exchange { carried, stage: Held(&metrics, &mut under_way) });
        assert_eq!((under_way, metrics.in_flight.get()), (Some(1), 0));
    }
}
