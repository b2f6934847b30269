// hvsock/http: HTTP clients over a hypervisor socket, node:http's and undici's.
export { Agent, type AgentOptions, HttpsAgent, type HttpsAgentOptions } from './agent.ts';
export type { HttpConnectOptions } from './http-connect.ts';
export {
  type Connector,
  type ConnectorCallback,
  type ConnectorOptions,
  type ConnectorRequest,
  createConnector,
} from './undici.ts';
