//! Where tensors live.

use tch::Device;

use crate::error::{Error, Result};

/// Reads `auto`, `cpu`, `cuda` or `cuda:N`. `auto` takes the first GPU, or the CPU.
///
/// # Errors
/// [`Error::Setting`] for other text, or a GPU that is not there.
pub fn parse(text: &str) -> Result<Device> {
    let gpus = tch::Cuda::device_count().max(0) as usize;
    let number = match text {
        "auto" => {
            return Ok(if gpus > 0 {
                Device::Cuda(0)
            } else {
                Device::Cpu
            });
        }
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| {
                Error::setting(
                    "device",
                    format!("`{other}` is not `auto`, `cpu`, `cuda` or `cuda:N`"),
                )
            })?,
    };
    if number < gpus {
        return Ok(Device::Cuda(number));
    }
    let found = match gpus {
        0 => "no GPU can be used here".to_owned(),
        n => format!("the GPUs here are cuda:0 to cuda:{}", n - 1),
    };
    Err(Error::setting(
        "device",
        format!("`{text}`: {found}; `lapidary doctor` says more"),
    ))
}

/// The text that [`parse`] reads.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(n) => format!("cuda:{n}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Opens libtorch's GPU half where it can be opened: nothing refers to it by symbol, so no linker keeps it.
pub fn open_gpu_library() {
    crate::plugin::open_global("libtorch_cuda.so");
}
