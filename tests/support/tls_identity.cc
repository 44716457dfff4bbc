#include "tests/support/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "reactor/base/check.h"

namespace echogw {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TlsIdentity MakeTlsIdentity(const std::string& name) {
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  &::EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::X509_new(), &::X509_free);
  CHECK(key != nullptr && certificate != nullptr);
  X509* x = certificate.get();
  ::X509_set_version(x, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(x), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(x), -60);
  ::X509_gmtime_adj(::X509_getm_notAfter(x), 3600);
  ::X509_set_pubkey(x, key.get());
  X509_NAME* subject = ::X509_get_subject_name(x);
  const void* text = name.c_str();
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, static_cast<const unsigned char*>(text),
                               -1, -1, 0);
  ::X509_set_issuer_name(x, subject);
  X509_EXTENSION* names =
      ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
  CHECK(names != nullptr);
  ::X509_add_ext(x, names, -1);
  ::X509_EXTENSION_free(names);
  CHECK(::X509_sign(x, key.get(), ::EVP_sha256()) > 0);
  const Bio certificate_out(::BIO_new(::BIO_s_mem()), &::BIO_free);
  const Bio key_out(::BIO_new(::BIO_s_mem()), &::BIO_free);
  CHECK(::PEM_write_bio_X509(certificate_out.get(), x) == 1);
  CHECK(::PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1);
  return {TextOf(certificate_out.get()), TextOf(key_out.get())};
}

}  // namespace echogw
