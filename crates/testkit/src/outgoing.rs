//! Other servers, as a test wants them: documents at addresses, and a list of what was posted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use brama_flows::outgoing::{Outgoing, OutgoingError};

/// The rest of the world. What is not put there does not answer.
#[derive(Debug, Default)]
pub struct World {
    documents: Mutex<HashMap<String, Vec<u8>>>,
    statuses: Mutex<HashMap<String, u16>>,
    fetched: Mutex<Vec<String>>,
    posted: Mutex<Vec<(String, String)>>,
    busy: AtomicBool,
}

impl World {
    /// Put a document at an address.
    pub fn put(&self, url: &str, document: impl Into<Vec<u8>>) {
        self.documents.lock().unwrap().insert(url.to_owned(), document.into());
    }

    /// Take the document away.
    pub fn remove(&self, url: &str) {
        self.documents.lock().unwrap().remove(url);
    }

    /// What an address answers to a POST.
    pub fn answers(&self, url: &str, status: u16) {
        self.statuses.lock().unwrap().insert(url.to_owned(), status);
    }

    /// From now on, whether nothing more may go out because too much does already.
    pub fn be_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    fn free(&self) -> Result<(), OutgoingError> {
        if self.busy.load(Ordering::Relaxed) { Err(OutgoingError::Later("other servers".to_owned())) } else { Ok(()) }
    }

    /// Addresses that were fetched, in order.
    #[must_use]
    pub fn fetched(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
    }

    /// Address and form of every POST, in order, those without an answer too.
    #[must_use]
    pub fn posted(&self) -> Vec<(String, String)> {
        self.posted.lock().unwrap().clone()
    }
}

#[async_trait]
impl Outgoing for World {
    async fn get_json(&self, url: &str, most_bytes: usize) -> Result<Vec<u8>, OutgoingError> {
        self.free()?;
        self.fetched.lock().unwrap().push(url.to_owned());
        let document = self.documents.lock().unwrap().get(url).cloned();
        match document {
            Some(document) if document.len() <= most_bytes => Ok(document),
            Some(_) => Err(OutgoingError::Failed("the document is too large".to_owned())),
            None => Err(OutgoingError::Failed("nobody is there".to_owned())),
        }
    }

    async fn post_form(&self, url: &str, form: &str) -> Result<u16, OutgoingError> {
        self.free()?;
        self.posted.lock().unwrap().push((url.to_owned(), form.to_owned()));
        let status = self.statuses.lock().unwrap().get(url).copied();
        status.ok_or_else(|| OutgoingError::Failed("nobody is there".to_owned()))
    }
}
