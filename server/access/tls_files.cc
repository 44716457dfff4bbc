#include "server/access/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cstddef>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/small_file.h"

namespace echogw::server {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

// Clears the errors that OpenSSL queues, for our calls and for later ones.
class ErrorQueue {
 public:
  ErrorQueue() { ::ERR_clear_error(); }
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
  ~ErrorQueue() { ::ERR_clear_error(); }
};

Bio Over(const std::string& text) {
  return {::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &::BIO_free};
}

Certificate NextCertificate(BIO* from) {
  return {::PEM_read_bio_X509(from, nullptr, nullptr, nullptr), &::X509_free};
}

// A key with a passphrase is refused; OpenSSL would ask for it on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

absl::Status Bad(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

std::string SubjectOf(X509* certificate) {
  const Bio out(::BIO_new(::BIO_s_mem()), &::BIO_free);
  ::X509_NAME_print_ex(out.get(), ::X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return size <= 0 ? "a certificate without a subject"
                   : absl::CHexEscape(std::string(text, static_cast<std::size_t>(size)));
}

absl::Time EndOf(X509* certificate) {
  std::tm end{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &end) != 1) return absl::InfinitePast();
  return absl::FromTM(end, absl::UTCTimeZone());
}

absl::Status ReadPem(const std::string& path, std::string& to, mode_t* mode = nullptr) {
  auto file = ReadSmallFile(path, path);
  if (!file.ok()) return file.status();
  if (mode != nullptr) *mode = file->mode;
  to = std::move(file->text);
  return absl::OkStatus();
}

absl::Status CheckPair(const AdminAccessOptions& options, TlsMaterial& material) {
  const Bio certificates = Over(material.certificates);
  const Certificate leaf = NextCertificate(certificates.get());
  if (leaf == nullptr) return Bad(options.tls_cert, "holds no certificate in PEM");
  const Bio key_text = Over(material.key);
  const Key key(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, &NoPassphrase, nullptr),
                &::EVP_PKEY_free);
  if (key == nullptr) return Bad(options.tls_key, "holds no private key in PEM without passphrase");
  if (::X509_check_private_key(leaf.get(), key.get()) != 1) {
    return Bad(options.tls_key,
               absl::StrCat("is not the key of the first certificate in ", options.tls_cert));
  }
  const absl::Time end = EndOf(leaf.get());
  material.expiration = absl::ToUnixSeconds(end);
  material.summary =
      absl::StrCat(SubjectOf(leaf.get()), ", valid to ",
                   absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", end, absl::UTCTimeZone()));
  if (end < absl::Now()) {
    material.warning =
        absl::StrCat(options.tls_cert, ": the certificate has expired; clients will not trust it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsMaterial> LoadTls(const AdminAccessOptions& options) {
  const ErrorQueue quiet;
  TlsMaterial material;
  mode_t key_mode = 0;
  if (auto s = ReadPem(options.tls_cert, material.certificates); !s.ok()) return s;
  if (auto s = ReadPem(options.tls_key, material.key, &key_mode); !s.ok()) return s;
  if (auto s = CheckPair(options, material); !s.ok()) return s;
  if (material.warning.empty() && (key_mode & S_IROTH) != 0) {
    material.warning =
        absl::StrCat(options.tls_key, ": the key is readable by all users; use chmod 600");
  }
  if (options.tls_client_ca.empty()) return material;
  if (auto s = ReadPem(options.tls_client_ca, material.client_ca); !s.ok()) return s;
  if (NextCertificate(Over(material.client_ca).get()) == nullptr) {
    return Bad(options.tls_client_ca, "holds no certificate in PEM");
  }
  return material;
}

void LogTls(const TlsMaterial& material, const std::string& what, LogSink& log) {
  log.Write(LogLevel::kInfo, absl::StrCat(what, ": TLS certificate ", material.summary));
  if (!material.warning.empty()) {
    log.Write(LogLevel::kWarning, absl::StrCat(what, ": ", material.warning));
  }
}

}  // namespace echogw::server
