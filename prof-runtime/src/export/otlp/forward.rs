//! Requests for http by way of a proxy: over a connection to the proxy, which is asked for the whole URL. The client
//! asks proxies for a tunnel only, which most of them refuse for ports other than that of https.

use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport};
use ureq::{Agent, Error};

use super::endpoint::Endpoint;

/// A client whose every request goes to `proxy`. Each has a connection of its own.
pub(super) fn agent(config: ureq::config::Config, proxy: &Endpoint, endpoint: &Endpoint) -> Agent {
    let origin = format!("{}://{}", endpoint.scheme(), endpoint.authority());
    let connector = ().chain(TcpConnector::default()).chain(WholeUrl { origin });
    let resolver = ToProxy { proxy: proxy.uri().clone(), system: DefaultResolver::default() };
    Agent::with_parts(config, connector, resolver)
}

/// Finds the addresses of the proxy, whatever is asked for.
#[derive(Debug)]
struct ToProxy {
    proxy: Uri,
    system: DefaultResolver,
}

impl Resolver for ToProxy {
    fn resolve(
        &self,
        _: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.system.resolve(&self.proxy, config, timeout)
    }
}

/// Has each connection say the whole URL.
#[derive(Debug)]
struct WholeUrl {
    /// What belongs before the path.
    origin: String,
}

impl<In: Transport> Connector<In> for WholeUrl {
    type Out = Connection<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Connection { inner, origin: Some(self.origin.clone()) }))
    }
}

/// A connection that one request goes over.
#[derive(Debug)]
struct Connection<In> {
    inner: In,
    /// What belongs before the path; `None` once it is there.
    origin: Option<String>,
}

/// What a request begins with.
const METHOD: &[u8] = b"POST ";

impl<In: Transport> Transport for Connection<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let Some(origin) = self.origin.take() else { return self.inner.transmit_output(amount, timeout) };
        let output = self.inner.buffers().output();
        let (start, longer) = (METHOD.len(), amount + origin.len());
        if !output.starts_with(METHOD) || amount < start || output.len() < longer {
            return Err(Error::ConnectionFailed);
        }
        output.copy_within(start..amount, start + origin.len());
        output[start..start + origin.len()].copy_from_slice(origin.as_bytes());
        self.inner.transmit_output(longer, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    /// Never for a second request.
    fn is_open(&mut self) -> bool {
        false
    }
}
