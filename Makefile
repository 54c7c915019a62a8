# Aliases; the scripts are the interface.
.PHONY: demo test setup lint format clean

demo:
	./scripts/demo

test:
	./scripts/test

setup:
	./scripts/setup

lint:
	./scripts/test --lint

format:
	.venv/bin/ruff check --fix tflm_mcunet tests examples scripts
	.venv/bin/ruff format tflm_mcunet tests examples scripts
	find tflm_mcunet_cpp tests \( -name '*.cpp' -o -name '*.h' \) -exec .venv/bin/clang-format -i {} +

clean:
	rm -rf build
