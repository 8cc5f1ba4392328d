//! The body of an answer, which may end before its length says.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::transport::Dropped;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Sent {
    rest: Option<Bytes>,
    /// What the answer says of its length.
    length: usize,
    /// The connection is dropped after it.
    is_cut: bool,
}

impl Sent {
    /// All of it.
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            length: body.len(),
            rest: Some(body),
            is_cut: false,
        }
    }

    /// Half of it.
    pub(crate) fn cut(self) -> Self {
        let half = self.rest.map(|body| body.slice(..body.len() / 2));
        Self {
            rest: half,
            is_cut: true,
            ..self
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        match self.rest.take() {
            Some(body) if !body.is_empty() => Poll::Ready(Some(Ok(Frame::data(body)))),
            _ if self.is_cut => Poll::Ready(Some(Err(Dropped))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.is_cut && self.rest.as_ref().is_none_or(Bytes::is_empty)
    }

    /// Of an answer whose length is known.
    fn size_hint(&self) -> SizeHint {
        let left = self.rest.as_ref().map_or(0, Bytes::len);
        let left = if self.is_cut { self.length } else { left };
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}
