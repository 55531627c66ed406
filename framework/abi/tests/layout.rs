//! Size and offsets of every table on 64-bit machines. Released fields never move; new ones stand behind them.
#![cfg(target_pointer_width = "64")]

use std::mem::offset_of;

use lapidary_abi::{Call, Component, Host, Manifest, NamedTensor, Sink, Status, Str, TensorSink};

macro_rules! layout {
    ($test:ident, $table:ty, $size:literal, $($field:ident: $offset:literal),+) => {
        #[test]
        fn $test() {
            assert_eq!(size_of::<$table>(), $size, "size");
            assert_eq!(align_of::<$table>(), 8, "alignment");
            $(assert_eq!(offset_of!($table, $field), $offset, stringify!($field));)+
        }
    };
}

layout!(text, Str, 16, ptr: 0, len: 8);
layout!(sink, Sink, 16, ctx: 0, put: 8);
layout!(named_tensor, NamedTensor, 24, name: 0, tensor: 16);
layout!(tensor_sink, TensorSink, 16, ctx: 0, give: 8);
layout!(call, Call, 88, size: 0, method: 4, inputs: 8, n_inputs: 16, arguments: 24, outputs: 40,
    reply: 56, error: 72);
layout!(component, Component, 88, size: 0, flags: 4, kind: 8, name: 24, describe: 40, create: 48,
    invoke: 56, save: 64, load: 72, destroy: 80);
layout!(host, Host, 40, size: 0, abi_major: 4, abi_minor: 8, flags: 12, torch: 16, log: 24,
    progress: 32);
layout!(manifest, Manifest, 104, magic: 0, size: 8, abi_major: 12, abi_minor: 16, tensor_abi: 20,
    torch: 24, cxx11_abi: 32, flags: 36, sdk: 40, plugin: 56, version: 72, n_components: 88,
    components: 96);

#[test]
fn every_status_has_its_number() {
    let all = [
        Status::Ok,
        Status::Error,
        Status::Panic,
        Status::Unsupported,
        Status::Interrupted,
    ];
    for (code, status) in (0..).zip(all) {
        assert_eq!(status as i32, code);
        assert_eq!(Status::from_code(code), Some(status));
    }
    assert_eq!(Status::from_code(5), None);
    assert_eq!(Status::from_code(-1), None);
}
