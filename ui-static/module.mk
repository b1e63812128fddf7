# ui-static: the browser UI, served by the gateway from $(BUILD)/ui. Nothing is compiled: our files are copied, and beside them the pinned
# libraries and fonts that they use, so that the page asks no other host for anything.
UI := $(BUILD)/ui.copied

# The folders are prerequisites too: they change when a file is removed.
$(UI): $(shell find ui-static) package-lock.json | $(SETUP_RUN)
	@echo 'copy    $(BUILD)/ui'
	@rm -rf $(BUILD)/ui && cp -r ui-static $(BUILD)/ui && rm $(BUILD)/ui/module.mk && mkdir $(BUILD)/ui/vendor
	@cp node_modules/htm/preact/standalone.module.js $(BUILD)/ui/vendor/htm-preact.js
	@cp node_modules/htm/LICENSE $(BUILD)/ui/vendor/htm-preact.LICENSE.txt
	@cp node_modules/@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2 $(BUILD)/ui/vendor/plex-latin.woff2
	@cp node_modules/@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-ext-wght-normal.woff2 $(BUILD)/ui/vendor/plex-latin-ext.woff2
	@cp node_modules/@fontsource-variable/ibm-plex-sans/LICENSE $(BUILD)/ui/vendor/plex.LICENSE.txt
	@touch $@
