// bench_top: the accelerator on the memory model, for co-simulation.
//   parameters of accelerator and axi_memory; contents come and go as axi_memory says; a rise of pad_dump_i writes bank n
//   of the scratchpad to pad_n.dump and the accumulators to sums.dump; a rise of pad_load_i reads each bank from pad.hex
//   and the accumulators from sums.hex, so that one start serves many programs. events.txt gets a line "cycle engine what" for every command of an engine: what is 0
//   in its first cycle, 1 in its last; engine 4 is a segment: 0 in the cycle before it is busy, 1 in its last
// Golden: accel_models.golden.machine. Combinational paths: those of accelerator. For simulation only.
`default_nettype none
module bench_top #(
  parameter  int unsigned Rows          = 4,
  parameter  int unsigned Columns       = 4,
  parameter  int unsigned PadBytes      = 16384,
  parameter  int unsigned Banks         = 8,
  parameter  int unsigned Entries       = 512,
  parameter  int unsigned BusBytes      = 8,
  parameter  int unsigned QueueDepth    = 8,
  parameter  int unsigned TokenDepth    = 63,
  parameter  int unsigned MultW         = 31,
  parameter  int unsigned DmaSetup      = 6,
  parameter  int unsigned MaxBurst      = 64,
  parameter  int unsigned FlashBytes    = 1 << 21,
  parameter  int unsigned SramBytes     = 1 << 19,
  parameter  int unsigned ExternalBytes = 1 << 12,
  localparam int unsigned DataW         = 8 * BusBytes,
  localparam int unsigned AddressW      = $clog2(accel_pkg::CsrBytes)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  output      logic                irq_o,
  input  wire logic [AddressW-1:0] s_axil_awaddr,
  input  wire logic          [2:0] s_axil_awprot,
  input  wire logic                s_axil_awvalid,
  output      logic                s_axil_awready,
  input  wire logic         [31:0] s_axil_wdata,
  input  wire logic          [3:0] s_axil_wstrb,
  input  wire logic                s_axil_wvalid,
  output      logic                s_axil_wready,
  output      logic          [1:0] s_axil_bresp,
  output      logic                s_axil_bvalid,
  input  wire logic                s_axil_bready,
  input  wire logic [AddressW-1:0] s_axil_araddr,
  input  wire logic          [2:0] s_axil_arprot,
  input  wire logic                s_axil_arvalid,
  output      logic                s_axil_arready,
  output      logic         [31:0] s_axil_rdata,
  output      logic          [1:0] s_axil_rresp,
  output      logic                s_axil_rvalid,
  input  wire logic                s_axil_rready,
  input  wire logic    [2:0][31:0] bytes_i,        // of flash, SRAM, external RAM
  input  wire logic    [2:0][15:0] latency_i,
  input  wire logic    [2:0][31:0] beat_i,         // cycles per beat, in 1/65536
  input  wire logic          [7:0] stall_i,        // chance of a stall, in 1/256
  input  wire logic         [31:0] seed_i,
  input  wire logic          [2:0] load_i,
  input  wire logic          [2:0] dump_i,
  input  wire logic                pad_load_i,
  input  wire logic                pad_dump_i
);
  logic          [0:0] m_axi_arid;
  logic         [31:0] m_axi_araddr;
  logic          [7:0] m_axi_arlen;
  logic          [2:0] m_axi_arsize;
  logic          [1:0] m_axi_arburst;
  logic                m_axi_arvalid;
  logic                m_axi_arready;
  logic          [0:0] m_axi_rid;
  logic    [DataW-1:0] m_axi_rdata;
  logic          [1:0] m_axi_rresp;
  logic                m_axi_rlast;
  logic                m_axi_rvalid;
  logic                m_axi_rready;
  logic          [0:0] m_axi_awid;
  logic         [31:0] m_axi_awaddr;
  logic          [7:0] m_axi_awlen;
  logic          [2:0] m_axi_awsize;
  logic          [1:0] m_axi_awburst;
  logic                m_axi_awvalid;
  logic                m_axi_awready;
  logic    [DataW-1:0] m_axi_wdata;
  logic [BusBytes-1:0] m_axi_wstrb;
  logic                m_axi_wlast;
  logic                m_axi_wvalid;
  logic                m_axi_wready;
  logic          [0:0] m_axi_bid;
  logic          [1:0] m_axi_bresp;
  logic                m_axi_bvalid;
  logic                m_axi_bready;

  accelerator #(
    .Rows      (Rows),
    .Columns   (Columns),
    .PadBytes  (PadBytes),
    .Banks     (Banks),
    .Entries   (Entries),
    .BusBytes  (BusBytes),
    .QueueDepth(QueueDepth),
    .TokenDepth(TokenDepth),
    .MultW     (MultW),
    .DmaSetup  (DmaSetup),
    .MaxBurst  (MaxBurst)
  ) u_accelerator (.*);

  axi_memory #(
    .BusBytes     (BusBytes),
    .FlashBytes   (FlashBytes),
    .SramBytes    (SramBytes),
    .ExternalBytes(ExternalBytes)
  ) u_memory (
    .s_axi_arid    (m_axi_arid),
    .s_axi_araddr  (m_axi_araddr),
    .s_axi_arlen   (m_axi_arlen),
    .s_axi_arvalid (m_axi_arvalid),
    .s_axi_arready (m_axi_arready),
    .s_axi_rid     (m_axi_rid),
    .s_axi_rdata   (m_axi_rdata),
    .s_axi_rresp   (m_axi_rresp),
    .s_axi_rlast   (m_axi_rlast),
    .s_axi_rvalid  (m_axi_rvalid),
    .s_axi_rready  (m_axi_rready),
    .s_axi_awid    (m_axi_awid),
    .s_axi_awaddr  (m_axi_awaddr),
    .s_axi_awlen   (m_axi_awlen),
    .s_axi_awvalid (m_axi_awvalid),
    .s_axi_awready (m_axi_awready),
    .s_axi_wdata   (m_axi_wdata),
    .s_axi_wstrb   (m_axi_wstrb),
    .s_axi_wlast   (m_axi_wlast),
    .s_axi_wvalid  (m_axi_wvalid),
    .s_axi_wready  (m_axi_wready),
    .s_axi_bid     (m_axi_bid),
    .s_axi_bresp   (m_axi_bresp),
    .s_axi_bvalid  (m_axi_bvalid),
    .s_axi_bready  (m_axi_bready),
    .*
  );

  // MaxBurst is for loads and stores; a command is one burst.
  axi_monitor #(
    .BusBytes(BusBytes),
    .MaxBurst((MaxBurst > accel_pkg::CommandBytes / BusBytes) ? MaxBurst : accel_pkg::CommandBytes / BusBytes)
  ) u_monitor (
    .araddr  (m_axi_araddr),
    .arlen   (m_axi_arlen),
    .arsize  (m_axi_arsize),
    .arburst (m_axi_arburst),
    .arvalid (m_axi_arvalid),
    .arready (m_axi_arready),
    .rdata   (m_axi_rdata),
    .rresp   (m_axi_rresp),
    .rlast   (m_axi_rlast),
    .rvalid  (m_axi_rvalid),
    .rready  (m_axi_rready),
    .awaddr  (m_axi_awaddr),
    .awlen   (m_axi_awlen),
    .awsize  (m_axi_awsize),
    .awburst (m_axi_awburst),
    .awvalid (m_axi_awvalid),
    .awready (m_axi_awready),
    .wdata   (m_axi_wdata),
    .wstrb   (m_axi_wstrb),
    .wlast   (m_axi_wlast),
    .wvalid  (m_axi_wvalid),
    .wready  (m_axi_wready),
    .bresp   (m_axi_bresp),
    .bvalid  (m_axi_bvalid),
    .bready  (m_axi_bready),
    .*
  );

  waves u_waves (
    .busy_i(u_accelerator.busy),
    .*
  );

  logic load_q, dump_q;
  always @(posedge clk_i) begin
    load_q <= pad_load_i;
    dump_q <= pad_dump_i;
    if (pad_load_i && !load_q) $readmemh("sums.hex", u_accelerator.u_datapath.u_matrix.u_core.u_accumulators.mem);
    if (pad_dump_i && !dump_q) $writememh("sums.dump", u_accelerator.u_datapath.u_matrix.u_core.u_accumulators.mem);
  end
  for (genvar b = 0; b < int'(Banks); b++) begin : gen_bank
    always @(posedge clk_i) begin
      if (pad_load_i && !load_q) $readmemh("pad.hex", u_accelerator.u_datapath.u_scratchpad.gen_bank[b].u_bank.mem);
      if (pad_dump_i && !dump_q) begin
        $writememh($sformatf("pad_%0d.dump", b), u_accelerator.u_datapath.u_scratchpad.gen_bank[b].u_bank.mem);
      end
    end
  end

  localparam int unsigned Engines = accel_pkg::Engines;
  int          events;
  logic [31:0] now_q;
  logic  [1:0] segment;
  assign segment = {u_accelerator.done || u_accelerator.failed, u_accelerator.start};
  initial events = $fopen("events.txt", "w");
  final $fclose(events);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) now_q <= '0;
    else now_q <= now_q + 32'd1;
  end
  always @(posedge clk_i) begin
    for (int e = 0; e < int'(Engines); e++) begin
      if (u_accelerator.start_valid[e] && u_accelerator.start_ready[e]) $fwrite(events, "%0d %0d 0\n", now_q, e);
      if (u_accelerator.engine_done[e]) $fwrite(events, "%0d %0d 1\n", now_q, e);
    end
    for (int what = 0; what < 2; what++) if (segment[what]) $fwrite(events, "%0d %0d %0d\n", now_q, Engines, what);
    if (pad_dump_i) $fflush(events);
  end
endmodule
`default_nettype wire
