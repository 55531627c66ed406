//! Registering components and exporting them from a plugin.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use lapidary_abi as abi;

pub use crate::table::Table;

/// One registered component. `inventory` collects them; each library sees its own.
pub struct Registration {
    /// Its C table.
    pub component: &'static abi::Component,
    /// Kind and name, for sorting.
    pub key: (&'static str, &'static str),
    /// The crate that registered it.
    pub plugin: &'static str,
    /// That crate's version.
    pub version: &'static str,
}

inventory::collect!(Registration);

/// Registers a type as a component: `register!(reducer: Pca);`. One line a component.
#[macro_export]
macro_rules! register {
    (backbone: $component:ty) => {
        $crate::register!(@ $crate::kinds::backbone::BackboneKind, $component);
    };
    (base_embedder: $component:ty) => {
        $crate::register!(@ $crate::kinds::base_embedder::BaseEmbedderKind, $component);
    };
    (llm: $component:ty) => {
        $crate::register!(@ $crate::kinds::llm::LlmKind, $component);
    };
    (prompt_strategy: $component:ty) => {
        $crate::register!(@ $crate::kinds::prompt_strategy::PromptStrategyKind, $component);
    };
    (reducer: $component:ty) => {
        $crate::register!(@ $crate::kinds::reducer::ReducerKind, $component);
    };
    (@ $kind:ty, $component:ty) => {
        $crate::inventory::submit! {
            $crate::export::Registration {
                component: &$crate::export::Table::<$kind, $component>::COMPONENT,
                key: (
                    <$kind as $crate::serve::Serve<$component>>::KIND.name(),
                    <$component as $crate::Component>::NAME,
                ),
                plugin: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            }
        }
    };
}

/// Exports the library's registered components through the one symbol that the host looks for. Once a library.
#[macro_export]
macro_rules! export_plugin {
    () => {
        /// The entry of the plugin; called by the host.
        ///
        /// # Safety
        /// `host` points to the host's table, which outlives the plugin.
        #[allow(unsafe_code)]
        // SAFETY: the name is unique to the plugin ABI; a plugin library exports it once.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn lapidary_plugin_entry(
            host: *const $crate::abi::Host,
        ) -> *const $crate::abi::Manifest {
            // SAFETY: the host vouches for its table.
            unsafe {
                $crate::export::entry(host, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            }
        }
    };
}

/// The components registered in this image, sorted by kind and name.
pub fn registrations() -> Vec<&'static Registration> {
    let mut all: Vec<_> = inventory::iter::<Registration>.into_iter().collect();
    all.sort_by_key(|r| r.key);
    all
}

/// Body of the entry symbol.
///
/// # Safety
/// `host` is null or points to the host's table, which outlives the plugin.
pub unsafe fn entry(
    host: *const abi::Host,
    plugin: &'static str,
    version: &'static str,
) -> *const abi::Manifest {
    static MANIFEST: OnceLock<abi::Manifest> = OnceLock::new();
    if !host.is_null() {
        // SAFETY: every version of the table begins with its size; the host vouches for as many bytes.
        crate::host::install(unsafe { abi::read(host, (*host).size) });
        crate::host::catch_panic_messages();
    }
    MANIFEST.get_or_init(|| {
        let components: Vec<*const abi::Component> = registrations()
            .iter()
            .map(|r| std::ptr::from_ref(r.component))
            .collect();
        let components: &'static [*const abi::Component] = components.leak();
        abi::Manifest {
            magic: abi::MAGIC,
            size: size_of::<abi::Manifest>() as u32,
            abi_major: abi::ABI_MAJOR,
            abi_minor: abi::ABI_MINOR,
            tensor_abi: abi::TENSOR_ABI_EXACT,
            torch: TORCH_VERSION,
            cxx11_abi: CXX11_ABI,
            flags: 0,
            sdk: abi::Str::new(env!("CARGO_PKG_VERSION")),
            plugin: abi::Str::new(plugin),
            version: abi::Str::new(version),
            n_components: components.len(),
            components: components.as_ptr(),
        }
    })
}

/// Version of the libtorch that this build linked: `major << 56 | minor << 48 | patch << 40`.
pub const TORCH_VERSION: u64 = parse(env!("LAPIDARY_TORCH_VERSION"));

/// Value of `_GLIBCXX_USE_CXX11_ABI` that this build was compiled with.
pub const CXX11_ABI: u32 = parse(env!("LAPIDARY_CXX11_ABI")) as u32;

const fn parse(digits: &str) -> u64 {
    let bytes = digits.as_bytes();
    let (mut value, mut i) = (0, 0);
    while i < bytes.len() {
        value = value * 10 + (bytes[i] - b'0') as u64;
        i += 1;
    }
    value
}
