# Aliases; the scripts are the interface.
.PHONY: demo test setup lint clean

demo:
	./scripts/demo

test:
	./scripts/test

setup:
	./scripts/setup

lint:
	./scripts/test --lint

clean:
	rm -rf build
