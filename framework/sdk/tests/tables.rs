//! Tables of another version: shorter ones than this SDK knows, and kinds with optional methods.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)]

use std::ffi::c_void;
use std::mem::offset_of;

use lapidary_sdk::abi::{self, Status};
use lapidary_sdk::export::{Table, entry};
use lapidary_sdk::prelude::*;
use lapidary_sdk::serve::{Incoming, Serve};
use lapidary_sdk::{Description, Kind, Method};

#[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// A kind with a method that a component may lack.
struct Measuring;

impl<T: Component> Serve<T> for Measuring {
    const KIND: Kind = Kind::Reducer;

    fn methods() -> Vec<Method> {
        vec![
            Method::new(1, "measure", &[], &[]),
            Method::new(2, "adapt", &[], &[]).optional(),
        ]
    }

    fn invoke(_: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            1 => call.reply(&"measured"),
            other => Err(Error::Unsupported(other)),
        }
    }
}

macro_rules! measure {
    ($name:ident, $optional:expr) => {
        struct $name;

        impl Component for $name {
            const NAME: &'static str = stringify!($name);
            const SUMMARY: &'static str = "For tests.";
            const OPTIONAL: &'static [u32] = $optional;
            type Settings = Nothing;
            type Context = Nothing;

            fn create(_: Nothing, _: Nothing) -> Result<Self> {
                Ok(Self)
            }
        }
    };
}

measure!(Plain, &[]);
measure!(Adaptable, &[2]);

/// Takes bytes into a `String`.
unsafe extern "C" fn put(ctx: *mut c_void, ptr: *const u8, len: usize) {
    // SAFETY: `sink` made the context; the caller lends the bytes.
    let (text, piece) = unsafe {
        (
            &mut *ctx.cast::<String>(),
            std::slice::from_raw_parts(ptr, len),
        )
    };
    text.push_str(std::str::from_utf8(piece).unwrap());
}

fn sink(text: &mut String) -> abi::Sink {
    abi::Sink {
        ctx: (&raw mut *text).cast(),
        put: Some(put),
    }
}

fn describe(component: &abi::Component) -> Description {
    let (mut reply, mut error) = (String::new(), String::new());
    // SAFETY: both sinks live until the call returns.
    let code = unsafe { component.describe.unwrap()(sink(&mut reply), sink(&mut error)) };
    assert_eq!((code, error.as_str()), (0, ""));
    serde_json::from_str(&reply).unwrap()
}

#[test]
fn a_component_lists_the_optional_methods_that_it_has() {
    let plain = describe(&Table::<Measuring, Plain>::COMPONENT);
    assert!(plain.offers(1) && !plain.offers(2));
    let adaptable = describe(&Table::<Measuring, Adaptable>::COMPONENT);
    assert!(adaptable.offers(1) && adaptable.offers(2));
}

unsafe extern "C" fn beyond(_: *mut c_void, _: *const u8, _: usize) {
    panic!("this lies behind the table's end");
}

#[test]
fn what_lies_behind_the_end_of_a_call_is_not_read() {
    let component = Table::<Measuring, Plain>::COMPONENT;
    let (mut instance, mut error) = (std::ptr::null_mut(), String::new());
    let config = abi::Str::new(r#"{"settings": {}, "context": {}}"#);
    // SAFETY: all arguments live until the call returns.
    let code = unsafe { component.create.unwrap()(config, &raw mut instance, sink(&mut error)) };
    assert_eq!(code, 0);

    let mut reply = String::new();
    let mut call = abi::Call {
        size: offset_of!(abi::Call, error) as u32,
        method: 1,
        inputs: std::ptr::null(),
        n_inputs: 0,
        arguments: abi::Str::new(""),
        outputs: abi::TensorSink {
            ctx: std::ptr::null_mut(),
            give: None,
        },
        reply: sink(&mut reply),
        error: abi::Sink {
            ctx: std::ptr::null_mut(),
            put: Some(beyond),
        },
    };
    let invoke = component.invoke.unwrap();
    // SAFETY: the instance is alive; the call and all it lends live until it returns.
    unsafe {
        assert_eq!(invoke(instance, &raw mut call), Status::Ok as i32);
        call.method = 7;
        assert_eq!(invoke(instance, &raw mut call), Status::Unsupported as i32);
        component.destroy.unwrap()(instance);
    }
    assert_eq!(reply, "\"measured\"");
}

unsafe extern "C" fn stop(_: abi::Str, _: u64, _: u64) -> i32 {
    1
}

#[test]
fn what_lies_behind_the_end_of_the_hosts_table_is_not_read() {
    let host = abi::Host {
        size: offset_of!(abi::Host, progress) as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        flags: 0,
        torch: 0,
        log: None,
        progress: Some(stop),
    };
    // SAFETY: the table has the size it says.
    assert!(!unsafe { entry(&raw const host, "test", "1") }.is_null());
    assert!(lapidary_sdk::host::progress("work", 1, 2).is_ok());
}
