# The pool against a model: seeded random operations under live clients.
echogw_test(NAME pool_model_test LABEL property LIBS echogw_pool_test_support TIMEOUT 600
            SOURCES pool_model.cc pool_model.h pool_model_clients.cc pool_model_clients.h
                    pool_model_steps.cc pool_model_test.cc)
