# docker build -t hearthkv . && docker run -e HEARTHKV_REQUIREPASS=secret -p 6379:6379 -v hearthkv:/data hearthkv
FROM node:24-slim AS build
WORKDIR /hearthkv
COPY . .
# Build with everything, then keep what serving needs.
RUN npm run --silent setup \
 && rm -rf node_modules packages/*/node_modules \
 && CI=true npm exec --yes -- "$(node -p 'require("./package.json").packageManager')" \
      install --prod --frozen-lockfile --config.pm-on-fail=ignore \
 && rm -rf packages/*/src packages/*/test packages/*/dist/.tsbuildinfo

FROM node:24-slim
ENV NODE_ENV=production HEARTHKV_HOST=* HEARTHKV_DATA_DIR=/data
WORKDIR /hearthkv
COPY --from=build /hearthkv/package.json /hearthkv/LICENSE ./
COPY --from=build /hearthkv/bin bin
COPY --from=build /hearthkv/node_modules node_modules
COPY --from=build /hearthkv/packages packages
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 6379
# The server itself is process 1: it gets the signals, and stops with everything saved.
ENTRYPOINT ["node", "bin/hearthkv.js"]
CMD ["serve"]
