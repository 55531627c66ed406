//! GPUs, and why there is none.

use std::env;
use std::path::Path;

use lapidary_core::{device, plugin};

/// The half of libtorch that knows GPUs.
const LIBRARY: &str = "libtorch_cuda.so";

/// What there is to see from outside.
#[derive(Clone, Debug)]
pub struct Facts {
    /// GPUs that libtorch counts.
    pub count: usize,
    /// Whether the file of [`LIBRARY`] lies beside libtorch.
    pub present: bool,
    /// Why it could not be opened, if so.
    pub refused: Option<String>,
    /// Whether the system runs NVIDIA's driver.
    pub driver: bool,
    /// `CUDA_VISIBLE_DEVICES`.
    pub visible: Option<String>,
}

impl Facts {
    /// Looks; opens the GPU half of libtorch to do so.
    pub fn gather() -> Self {
        device::open_gpu_library();
        let opened = plugin::global_libraries();
        let torch = plugin::running_torch_path();
        Self {
            count: usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
            present: torch.is_some_and(|torch| torch.with_file_name(LIBRARY).exists()),
            refused: (opened.into_iter())
                .find(|library| library.name == LIBRARY)
                .and_then(|library| library.problem),
            driver: Path::new("/proc/driver/nvidia/version").exists(),
            visible: env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }

    /// Why no GPU can be used, and what to do; nothing where one can.
    pub fn problem(&self) -> Option<String> {
        if self.count > 0 {
            return None;
        }
        let fetch = "`cargo xtask setup --cuda` fetches it with all that it needs";
        let visible = self.visible.as_deref().map(str::trim);
        Some(match (&self.refused, visible) {
            _ if !self.driver => {
                "this system runs no NVIDIA driver (/proc/driver/nvidia is missing)".to_owned()
            }
            (Some(_), _) if !self.present => {
                format!("this libtorch has no GPU half ({LIBRARY}): {fetch}")
            }
            (Some(reason), _) => format!("{LIBRARY} cannot be opened: {reason}; {fetch}"),
            (None, Some(value @ ("" | "-1"))) => {
                format!("CUDA_VISIBLE_DEVICES is `{value}`, which hides every GPU")
            }
            _ => "the driver offers no GPU to this process: `nvidia-smi` says more".to_owned(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_thing_is_named() {
        let mut facts = Facts {
            count: 0,
            present: false,
            refused: Some("libcublas.so.13: cannot open".to_owned()),
            driver: false,
            visible: None,
        };
        let reason = |facts: &Facts| facts.problem().unwrap();
        assert!(reason(&facts).contains("no NVIDIA driver"));
        facts.driver = true;
        assert!(reason(&facts).contains("has no GPU half"));
        facts.present = true;
        assert!(reason(&facts).contains("libcublas.so.13: cannot open"));
        facts.refused = None;
        assert!(reason(&facts).contains("nvidia-smi"));
        facts.visible = Some("-1".to_owned());
        assert!(reason(&facts).contains("CUDA_VISIBLE_DEVICES"));
        facts.count = 1;
        assert_eq!(facts.problem(), None);
    }
}
