// asio_echo PORT: Boost.Asio on one thread. Data is written synchronously; only what the kernel
// does not accept goes to async_write. Asio's reads need a buffer per connection, of which only the
// used part takes memory.
#define BOOST_ASIO_DISABLE_THREADS  // one thread: no locks, which is what favours it here
#include <memory>
#include <utility>  // awaitable.hpp uses it without saying so
//
#include <boost/asio.hpp>

#include "tests/bench/peers/serving.h"

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket)
      : socket_(std::move(socket)),
        buffer_(std::make_unique_for_overwrite<char[]>(echogw_bench::kBufferBytes)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  void Read() {
    auto into = boost::asio::buffer(buffer_.get(), echogw_bench::kBufferBytes);
    socket_.async_read_some(into, [self = shared_from_this()](error_code error, std::size_t got) {
      if (!error) self->Write(got);
    });
  }

 private:
  void Write(std::size_t size) {
    error_code error;
    const std::size_t sent = socket_.write_some(boost::asio::buffer(buffer_.get(), size), error);
    if (error && error != boost::asio::error::would_block) return;
    if (sent == size) return Read();
    boost::asio::async_write(socket_, boost::asio::buffer(buffer_.get() + sent, size - sent),
                             [self = shared_from_this()](error_code failed, std::size_t) {
                               if (!failed) self->Read();
                             });
  }

  tcp::socket socket_;
  std::unique_ptr<char[]> buffer_;
};

void Accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->Read();
    Accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  echogw_bench::RaiseOpenFiles();
  boost::asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), echogw_bench::Listen(port, SOCK_NONBLOCK));
  Accept(acceptor);
  context.run();
}
