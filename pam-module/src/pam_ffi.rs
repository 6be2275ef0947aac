//! The application behind a `pam_handle_t`: items and the conversation.
//!
//! `pamsm` reads the items that it knows; the conversation is our own, since `pamsm`'s leaves the reply
//! unwiped and reads a missing one. Invariant: a reply is looked at only if the application said
//! `PAM_SUCCESS` and gave one; it is copied once into a wiped buffer, then wiped and freed here. Replies
//! are C strings in memory from malloc(3), which the module frees (pam_conv(3)).
#![expect(
    unsafe_code,
    reason = "libpam hands out C structures and takes C strings"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use entra_protocol::Secret;
use entra_protocol::limits::MAX_SECRET;
use pamsm::{Pam, PamError, PamLibExt};
use zeroize::{Zeroize, Zeroizing};

use crate::application::{Application, Echo, Item, PromptError, Style};

/// Bytes of an item at most; longer ones are cut. A host name has up to 253 (RFC 1035 §2.3.4).
const MAX_ITEM: usize = 256;

const PAM_SUCCESS: c_int = PamError::SUCCESS as c_int;
const PAM_TTY: c_int = 3;
const PAM_CONV: c_int = 5;
const PAM_AUTHTOK: c_int = 6;
const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_ERROR_MSG: c_int = 3;
const PAM_TEXT_INFO: c_int = 4;

/// `struct pam_message` (pam_conv(3)).
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`; its `resp_retcode` is unused and zero by definition.
#[repr(C)]
struct Reply {
    text: *mut c_char,
    unused: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
struct Conversation {
    callback: Option<Callback>,
    data: *mut c_void,
}

type Callback =
    unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Reply, *mut c_void) -> c_int;

// Linked by pamsm's own `#[link(name = "pam")]`.
unsafe extern "C" {
    fn pam_get_item(handle: *const c_void, kind: c_int, item: *mut *const c_void) -> c_int;
    fn pam_set_item(handle: *const c_void, kind: c_int, item: *const c_void) -> c_int;
}

impl Application for Pam {
    fn user(&self, may_ask: bool) -> Option<Vec<u8>> {
        let name = if may_ask {
            self.get_user(None)
        } else {
            self.get_cached_user()
        };
        name.ok().flatten().map(|name| name.to_bytes().to_vec())
    }

    fn item(&self, item: Item) -> String {
        let text = match item {
            Item::Service => self.get_service().ok().flatten(),
            Item::RemoteHost => self.get_rhost().ok().flatten(),
            Item::Terminal => {
                let terminal = raw_item(self, PAM_TTY).cast::<c_char>();
                // SAFETY: a PAM_TTY that is set is a C string which libpam owns; it is copied below,
                // before anything could change it.
                (!terminal.is_null()).then(|| unsafe { CStr::from_ptr(terminal) })
            }
        };
        let bytes = text.map(CStr::to_bytes).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(..MAX_ITEM).unwrap_or(bytes)).into_owned()
    }

    fn show(&self, text: &str, style: Style) {
        let style = match style {
            Style::Information => PAM_TEXT_INFO,
            Style::Error => PAM_ERROR_MSG,
        };
        // An application that can't show text has no other way of being told.
        let _ = conversation(self).and_then(|conversation| conversation.say(style, text));
    }

    fn prompt(&self, text: &str, echo: Echo) -> Result<Zeroizing<String>, PromptError> {
        let style = match echo {
            Echo::Shown => PAM_PROMPT_ECHO_ON,
            Echo::Hidden => PAM_PROMPT_ECHO_OFF,
        };
        conversation(self)?.say(style, text)?.read()
    }

    fn keep_password(&self, password: &Secret) {
        let password = password.expose().as_bytes();
        let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        text.extend_from_slice(password);
        text.push(0);
        // SAFETY: the handle is the one libpam called us with, and `text` is a C string that libpam
        // copies before it returns (pam_set_item(3)). That it might not is no reason to refuse.
        let _ = unsafe { pam_set_item(handle(self), PAM_AUTHTOK, text.as_ptr().cast()) };
    }
}

fn handle(pam: &Pam) -> *const c_void {
    let handle: *const Pam = pam;
    // SAFETY: `Pam` is `repr(transparent)` over the handle, a pointer.
    unsafe { handle.cast::<*const c_void>().read() }
}

fn raw_item(pam: &Pam, kind: c_int) -> *const c_void {
    let mut item = ptr::null();
    // SAFETY: the handle is the one libpam called us with; `item` outlives the call.
    let status = unsafe { pam_get_item(handle(pam), kind, &raw mut item) };
    if status == PAM_SUCCESS {
        item
    } else {
        ptr::null()
    }
}

fn conversation(pam: &Pam) -> Result<&Conversation, PromptError> {
    let conversation = raw_item(pam, PAM_CONV).cast::<Conversation>();
    // SAFETY: a PAM_CONV that is set is a `struct pam_conv` which lives as long as the handle.
    unsafe { conversation.as_ref() }.ok_or(PromptError::Cannot)
}

impl Conversation {
    /// One message and the reply to it, which may be missing.
    fn say(&self, style: c_int, text: &str) -> Result<Replies, PromptError> {
        let text = CString::new(text).map_err(|_| PromptError::Cannot)?;
        let message = Message {
            style,
            text: text.as_ptr(),
        };
        let mut messages: *const Message = &raw const message;
        let mut replies = ptr::null_mut();
        let callback = self.callback.ok_or(PromptError::Cannot)?;
        // SAFETY: the application's own function with its own data, and one message that outlives it.
        let status = unsafe { callback(1, &raw mut messages, &raw mut replies, self.data) };
        if status == PAM_SUCCESS {
            Ok(Replies(replies))
        } else {
            // What `replies` holds now is the application's own to free (pam_conv(3)).
            Err(PromptError::Cannot)
        }
    }
}

/// The application's answer to one message: an array of one, or null.
struct Replies(*mut Reply);

impl Replies {
    fn read(&self) -> Result<Zeroizing<String>, PromptError> {
        let text = self.text().ok_or(PromptError::Cannot)?;
        // SAFETY: a reply's text is a C string (pam_conv(3)) that is freed only when `self` is dropped.
        let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
        if bytes.len() > MAX_SECRET {
            return Err(PromptError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PromptError::NotText)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn text(&self) -> Option<*mut c_char> {
        // SAFETY: null, or the array of one that the application gave us on success.
        let reply = unsafe { self.0.as_ref() }?;
        (!reply.text.is_null()).then_some(reply.text)
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        if let Some(text) = self.text() {
            wipe(text);
            // SAFETY: allocated with malloc by the application, ours to free, and not used again.
            unsafe { libc::free(text.cast()) };
        }
        // SAFETY: null or the application's array, ours to free, and not used again.
        unsafe { libc::free(self.0.cast()) };
    }
}

fn wipe(text: *mut c_char) {
    // SAFETY: the caller hands over a C string that nobody else refers to.
    let length = unsafe { libc::strlen(text) };
    // SAFETY: its `length` bytes before the NUL are initialised and ours alone.
    let bytes = unsafe { std::slice::from_raw_parts_mut(text.cast::<u8>(), length) };
    bytes.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the application below answers with.
    struct Script {
        status: c_int,
        array: bool,
        text: Option<Vec<u8>>,
        style: c_int,
        shown: String,
    }

    fn script(text: Option<&[u8]>) -> Script {
        Script {
            status: PAM_SUCCESS,
            array: true,
            text: text.map(<[u8]>::to_vec),
            style: 0,
            shown: String::new(),
        }
    }

    unsafe extern "C" fn answer(
        count: c_int,
        messages: *mut *const Message,
        replies: *mut *mut Reply,
        data: *mut c_void,
    ) -> c_int {
        assert_eq!(count, 1);
        // SAFETY: `ask` passes its script, which outlives the call.
        let script = unsafe { &mut *data.cast::<Script>() };
        // SAFETY: an array of one pointer, as pam_conv(3) has it.
        let message = unsafe { *messages };
        // SAFETY: that pointer is to a message which outlives the call.
        let message = unsafe { &*message };
        script.style = message.style;
        // SAFETY: its text is a C string.
        script.shown = unsafe { CStr::from_ptr(message.text) }
            .to_str()
            .unwrap()
            .to_owned();
        if script.array {
            let text = script.text.as_ref().map_or(ptr::null_mut(), |text| {
                let text = CString::new(text.clone()).unwrap();
                // SAFETY: a C string; the copy is from malloc.
                unsafe { libc::strdup(text.as_ptr()) }
            });
            // SAFETY: calloc takes no pointers.
            let array = unsafe { libc::calloc(1, size_of::<Reply>()) }.cast::<Reply>();
            // SAFETY: just allocated with the size of one reply.
            unsafe { array.write(Reply { text, unused: 0 }) };
            // SAFETY: the module's own pointer.
            unsafe { *replies = array };
        }
        script.status
    }

    fn ask(script: &mut Script) -> Result<Zeroizing<String>, PromptError> {
        let conversation = Conversation {
            callback: Some(answer),
            data: ptr::from_mut(script).cast(),
        };
        conversation.say(PAM_PROMPT_ECHO_OFF, "Password: ")?.read()
    }

    #[test]
    fn a_reply_is_what_was_typed() {
        let mut typed = script(Some("pä ss".as_bytes()));
        assert_eq!(ask(&mut typed).unwrap().as_str(), "pä ss");
        assert_eq!(
            (typed.style, typed.shown.as_str()),
            (PAM_PROMPT_ECHO_OFF, "Password: ")
        );
        assert_eq!(ask(&mut script(Some(b""))).unwrap().as_str(), "");
        assert!(ask(&mut script(Some(&[b'x'; MAX_SECRET]))).is_ok());
    }

    #[test]
    fn a_missing_reply_and_a_missing_text_are_no_answer() {
        let mut no_array = script(None);
        no_array.array = false;
        assert_eq!(ask(&mut no_array).unwrap_err(), PromptError::Cannot);
        assert_eq!(ask(&mut script(None)).unwrap_err(), PromptError::Cannot);
    }

    #[test]
    fn an_application_that_refuses_the_prompt_is_not_read() {
        let mut refused = script(None);
        refused.status = PamError::CONV_ERR as c_int;
        refused.array = false;
        assert_eq!(ask(&mut refused).unwrap_err(), PromptError::Cannot);
        let mute = Conversation {
            callback: None,
            data: ptr::null_mut(),
        };
        assert!(mute.say(PAM_TEXT_INFO, "hello").is_err());
    }

    #[test]
    fn oversized_and_malformed_replies_are_refused() {
        let long = vec![b'x'; MAX_SECRET + 1];
        assert_eq!(
            ask(&mut script(Some(&long))).unwrap_err(),
            PromptError::TooLong
        );
        assert_eq!(
            ask(&mut script(Some(b"\xff\xfe"))).unwrap_err(),
            PromptError::NotText
        );
    }

    #[test]
    fn a_wiped_text_holds_nothing_but_zeros() {
        // SAFETY: a C string; the copy is from malloc.
        let text = unsafe { libc::strdup(c"hunter2".as_ptr()) };
        wipe(text);
        // SAFETY: the eight bytes of the copy, still allocated.
        let left = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), 8) }.to_vec();
        // SAFETY: from strdup, freed once.
        unsafe { libc::free(text.cast()) };
        assert_eq!(left, [0; 8]);
    }
}
