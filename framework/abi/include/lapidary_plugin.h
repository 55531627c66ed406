// The C ABI between the Lapidary host and its plugins. ABI.md is the contract in prose.
// Generated from framework/abi/src/lib.rs: `LAPIDARY_UPDATE=1 cargo test -p lapidary-abi` renews it.

#ifndef LAPIDARY_PLUGIN_H
#define LAPIDARY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

// Marks a [`Manifest`]: the bytes `LAPIDARY` read as a big-endian number.
#define LAPIDARY_MAGIC 5494761295976682073

// Plugins of another major version are refused.
#define LAPIDARY_ABI_MAJOR 1

// Grows when the tail of a table grows or a method is added to a kind.
#define LAPIDARY_ABI_MINOR 0

// [`Manifest::tensor_abi`]: tensors are `at::Tensor*`; plugin and running libtorch must be of the same version.
#define LAPIDARY_TENSOR_ABI_EXACT 0

// [`Manifest::tensor_abi`]: tensors are handles of libtorch's stable C interface; the running libtorch must not be older.
#define LAPIDARY_TENSOR_ABI_STABLE 1

// What a call across the boundary returns.
enum LapidaryStatus
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It worked.
  LAPIDARY_STATUS_OK = 0,
  // The component refused: the message says why.
  LAPIDARY_STATUS_ERROR = 1,
  // The component panicked or threw: the instance must not be used again.
  LAPIDARY_STATUS_PANIC = 2,
  // The component has no such method.
  LAPIDARY_STATUS_UNSUPPORTED = 3,
  // The component stopped because [`Host::progress`] said that the user wants it to.
  LAPIDARY_STATUS_INTERRUPTED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum LapidaryStatus LapidaryStatus;
#else
typedef int32_t LapidaryStatus;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// UTF-8 text, borrowed for the duration of a call. `ptr` may be null when `len` is 0.
typedef struct LapidaryStr {
  // First byte.
  const uint8_t *ptr;
  // Length in bytes.
  size_t len;
} LapidaryStr;

// Receives bytes, which it copies. May be called several times: the pieces are joined.
typedef struct LapidarySink {
  // Passed back to `put`.
  void *ctx;
  // Takes `len` bytes at `ptr`.
  void (*put)(void *ctx, const uint8_t *ptr, size_t len);
} LapidarySink;

// A tensor with a name: lent to the callee for the duration of the call.
typedef struct LapidaryNamedTensor {
  // Name of the argument.
  struct LapidaryStr name;
  // `at::Tensor*` or a stable handle, as [`Manifest::tensor_abi`] says.
  void *tensor;
} LapidaryNamedTensor;

// Receives tensors: each one given is owned by the receiver from then on.
typedef struct LapidaryTensorSink {
  // Passed back to `give`.
  void *ctx;
  // Takes a tensor and copies its name. Returns a [`Status`]; the tensor is taken in any case.
  int32_t (*give)(void *ctx, struct LapidaryStr name, void *tensor);
} LapidaryTensorSink;

// One call of a method.
typedef struct LapidaryCall {
  // Size of this table in bytes.
  uint32_t size;
  // Number of the method; each kind has its own list in `ABI.md`.
  uint32_t method;
  // `n_inputs` tensors.
  const struct LapidaryNamedTensor *inputs;
  // How many tensors `inputs` points to.
  size_t n_inputs;
  // Arguments that are not tensors: a JSON object, or empty.
  struct LapidaryStr arguments;
  // Takes the tensors of the result.
  struct LapidaryTensorSink outputs;
  // Takes the rest of the result: a JSON value, or nothing.
  struct LapidarySink reply;
  // Takes the message when the status is not [`Status::Ok`].
  struct LapidarySink error;
} LapidaryCall;

// One component: the same six functions whatever its kind.
typedef struct LapidaryComponent {
  // Size of this table in bytes.
  uint32_t size;
  // Reserved, 0.
  uint32_t flags;
  // `backbone`, `base_embedder`, `llm`, `prompt_strategy` or `reducer`.
  struct LapidaryStr kind;
  // Name by which scripts use it: lowercase letters, digits and `_`.
  struct LapidaryStr name;
  // Writes the component's description as JSON.
  int32_t (*describe)(struct LapidarySink reply, struct LapidarySink error);
  // Makes an instance from JSON `{"settings": {…}, "context": {…}}`.
  int32_t (*create)(struct LapidaryStr config, void **instance, struct LapidarySink error);
  // Calls a method of an instance.
  int32_t (*invoke)(void *instance, struct LapidaryCall *call);
  // Hands out the instance's state: tensors and a JSON object.
  int32_t (*save)(void *instance,
                  struct LapidaryTensorSink outputs,
                  struct LapidarySink reply,
                  struct LapidarySink error);
  // Takes back a state that `save` handed out.
  int32_t (*load)(void *instance,
                  const struct LapidaryNamedTensor *inputs,
                  size_t n_inputs,
                  struct LapidaryStr state,
                  struct LapidarySink error);
  // Frees the instance.
  void (*destroy)(void *instance);
} LapidaryComponent;

// What a plugin offers: valid and unchanged for the life of the process.
typedef struct LapidaryManifest {
  // [`MAGIC`].
  uint64_t magic;
  // Size of this table in bytes.
  uint32_t size;
  // [`ABI_MAJOR`] that the plugin was built for.
  uint32_t abi_major;
  // [`ABI_MINOR`] that the plugin was built for.
  uint32_t abi_minor;
  // [`TENSOR_ABI_EXACT`] or [`TENSOR_ABI_STABLE`].
  uint32_t tensor_abi;
  // Version of the libtorch it was built with: `major << 56 | minor << 48 | patch << 40`.
  uint64_t torch;
  // Value of `_GLIBCXX_USE_CXX11_ABI` it was built with; only [`TENSOR_ABI_EXACT`] looks at it.
  uint32_t cxx11_abi;
  // Reserved, 0.
  uint32_t flags;
  // Version of the SDK, for messages.
  struct LapidaryStr sdk;
  // Name of the plugin.
  struct LapidaryStr plugin;
  // Version of the plugin.
  struct LapidaryStr version;
  // How many components `components` points to.
  size_t n_components;
  // The components, sorted by kind and name.
  const struct LapidaryComponent *const *components;
} LapidaryManifest;

// What the host offers to a plugin; lives as long as the process.
typedef struct LapidaryHost {
  // Size of this table in bytes.
  uint32_t size;
  // Major version of the host's ABI.
  uint32_t abi_major;
  // Minor version of the host's ABI.
  uint32_t abi_minor;
  // Reserved, 0.
  uint32_t flags;
  // Version of the running libtorch, as `aoti_torch_abi_version` returns it.
  uint64_t torch;
  // Writes a message to the host's log. Levels: 1 error, 2 warning, 3 information, 4 debug, 5 trace.
  void (*log)(uint32_t level, struct LapidaryStr target, struct LapidaryStr message);
  // Reports progress of a long call: `done` of `total` (0: unknown) units.
  // Returns 1 when the user wants the work to stop, else 0.
  int32_t (*progress)(struct LapidaryStr what, uint64_t done, uint64_t total);
} LapidaryHost;

// Type of the exported function. `host` outlives the plugin; a null return means that the plugin could not start.
typedef const struct LapidaryManifest *(*LapidaryEntryFn)(const struct LapidaryHost *host);

#endif  /* LAPIDARY_PLUGIN_H */

#ifdef __cplusplus
extern "C" {
#endif
// The only symbol that a plugin exports: it returns what the plugin offers, or null when it could not start.
// `host` lives as long as the process.
const LapidaryManifest *lapidary_plugin_entry(const LapidaryHost *host);
#ifdef __cplusplus
}
#endif
