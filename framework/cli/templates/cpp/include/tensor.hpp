// Tensors through libtorch's stable interface: any operation of libtorch by its name, with gradients.
#pragma once

#include "json.hpp"

#include <torch/csrc/inductor/aoti_torch/generated/c_shim_aten.h>
#include <torch/csrc/stable/device.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/csrc/stable/stableivalue_conversions.h>
#include <torch/headeronly/util/HeaderOnlyArrayRef.h>

#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lapidary {

using Tensor = torch::stable::Tensor;
using Shape = std::vector<int64_t>;
using Type = torch::headeronly::ScalarType;

// Calls an operation of libtorch: `op("aten::add", "Tensor", a, b, 1.0)`. Names, overloads and the order of arguments, all
// of which must be there, are those of libtorch's native_functions.yaml. Arguments are tensors, int64_t, double, bool,
// std::string, std::vector<int64_t>, types, and std::optional or std::nullopt where the operation has an optional one. The
// interface has no `Scalar`: take the overload that has a tensor in its place, and `scalar` below.
template <class... Arguments>
Tensor op(const char* name, const char* overload, const Arguments&... arguments);

// One that gives N tensors.
template <size_t N, class... Arguments>
std::array<Tensor, N> op_many(const char* name, const char* overload, const Arguments&... arguments) {
  constexpr size_t places = sizeof...(Arguments) > N ? sizeof...(Arguments) : N;
  std::array<StableIValue, places> stack{torch::stable::detail::from(arguments)...};
  if (torch_call_dispatcher(name, overload, stack.data(), TORCH_ABI_VERSION) != 0)
    throw Refused(std::string("libtorch refused ") + name + "; it writes the reason to standard error");
  std::array<Tensor, N> given;
  for (size_t i = 0; i < N; ++i) given[i] = torch::stable::detail::to<Tensor>(stack[i]);
  return given;
}

template <class... Arguments>
Tensor op(const char* name, const char* overload, const Arguments&... arguments) {
  return op_many<1>(name, overload, arguments...)[0];
}

inline Shape shape(const Tensor& x) {
  Shape sizes;
  for (int64_t i = 0; i < x.dim(); ++i) sizes.push_back(x.size(i));
  return sizes;
}

inline std::string shown(const Shape& sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(sizes[i]);
  return text + "]";
}

inline Tensor sub(const Tensor& a, const Tensor& b, double factor = 1) {
  AtenTensorHandle made = nullptr;
  if (aoti_torch_aten_subtract_Tensor(a.get(), b.get(), factor, &made) != 0)
    throw Refused("cannot subtract " + shown(shape(b)) + " from " + shown(shape(a)));
  return Tensor(made);
}
inline Tensor add(const Tensor& a, const Tensor& b) { return sub(a, b, -1); }
inline Tensor mul(const Tensor& a, const Tensor& b) { return op("aten::mul", "Tensor", a, b); }
inline Tensor div(const Tensor& a, const Tensor& b) { return op("aten::div", "Tensor", a, b); }
inline Tensor matmul(const Tensor& a, const Tensor& b) { return op("aten::matmul", "", a, b); }
inline Tensor sigmoid(const Tensor& a) { return op("aten::sigmoid", "", a); }
inline Tensor narrow(const Tensor& a, int64_t dim, int64_t start, int64_t length) {
  return op("aten::narrow", "", a, dim, start, length);
}
inline Tensor transpose(const Tensor& a) { return op("aten::t", "", a); }
inline Tensor cumsum(const Tensor& a, int64_t dim) { return op("aten::cumsum", "", a, dim, std::nullopt); }
inline Tensor mean(const Tensor& a, int64_t dim, bool keep) {
  return op("aten::mean", "dim", a, std::optional<Shape>(Shape{dim}), keep, std::nullopt);
}
inline Tensor clone(const Tensor& a) { return op("aten::clone", "", a, std::nullopt); }
inline Tensor detach(const Tensor& a) { return op("aten::detach", "", a); }
inline Tensor to_type(const Tensor& a, Type type) { return op("aten::to", "dtype", a, type, false, false, std::nullopt); }
// With `train`, values are dropped at random by libtorch's generator.
inline Tensor dropout(const Tensor& a, double share, bool train) { return op("aten::dropout", "", a, share, train); }

inline Tensor to_device(const Tensor& a, torch::stable::Device device) {
  return op("aten::to", "device", a, device, a.scalar_type(), false, false, std::nullopt);
}
// `cpu` or `cuda:N`, as contexts spell them.
inline Tensor to_device(const Tensor& a, const std::string& device) { return to_device(a, torch::stable::Device(device)); }
// On the device of another one.
inline Tensor beside(const Tensor& a, const Tensor& other) { return to_device(a, other.device()); }

// f32 on a device, filled with one value.
inline Tensor full(const Shape& sizes, double value, torch::stable::Device device) {
  int32_t type = aoti_torch_dtype_float32();
  int32_t where = torch::stable::detail::to<int32_t>(torch::stable::detail::from(device.type()));
  AtenTensorHandle made = nullptr;
  if (aoti_torch_aten_full(sizes.data(), static_cast<int64_t>(sizes.size()), value, &type, nullptr, &where, device.index(), nullptr,
                           &made) != 0)
    throw Refused("cannot make a tensor " + shown(sizes));
  return Tensor(made);
}
inline Tensor full(const Shape& sizes, double value, const std::string& device = "cpu") {
  return full(sizes, value, torch::stable::Device(device));
}

// One number beside another tensor, to compute with: `mul(x, scalar(2, x))`.
inline Tensor scalar(double value, const Tensor& beside) { return full({}, value, beside.device()); }

// f32 on the CPU, from values in the order of memory.
inline Tensor from_values(const std::vector<float>& values, const Shape& sizes) {
  Tensor made = full(sizes, 0);
  if (static_cast<size_t>(made.numel()) != values.size()) throw Refused("from_values: sizes do not fit");
  if (!values.empty()) std::memcpy(made.data_ptr(), values.data(), values.size() * sizeof(float));
  return made;
}

// Values on the CPU, in the order of memory. `T` fits the tensor's type: float, int64_t, bool.
template <class T>
std::vector<T> values(const Tensor& x) {
  const Tensor there = op("aten::contiguous", "", to_device(detach(x), "cpu"), torch::headeronly::MemoryFormat::Contiguous);
  const T* first = static_cast<const T*>(there.data_ptr());
  return std::vector<T>(first, first + there.numel());
}

inline bool is_type(const Tensor& x, Type type) { return x.scalar_type() == type; }

// Writes values into a tensor that keeps its place in memory and its gradients' place.
inline void copy_into(const Tensor& to, const Tensor& from) { op("aten::copy_", "", detach(to), from, false); }

// A tensor that the host trains: f32, drawn from a normal distribution by libtorch's generator, which the host seeds.
inline Tensor parameter(const Shape& sizes, double deviation, const std::string& device) {
  Tensor made = op("aten::normal_", "", full(sizes, 0, device), 0.0, deviation, std::nullopt);
  if (torch_set_requires_grad(made.get(), true) != 0) throw Refused("a parameter cannot require gradients");
  return made;
}

// One that begins with one value.
inline Tensor parameter_of(const Shape& sizes, double value, const std::string& device) {
  Tensor made = full(sizes, value, device);
  if (torch_set_requires_grad(made.get(), true) != 0) throw Refused("a parameter cannot require gradients");
  return made;
}

}  // namespace lapidary
