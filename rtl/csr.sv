// csr: the host's registers behind an AXI4-Lite slave: start, status, interrupt, error cause, counters, scalars.
//   addresses, bits and meaning: accel_models.registers
// Golden: accel_models.registers. A write takes effect in the cycle after both its channels are valid; a read answers one
// cycle after its address. Combinational paths: s_axil_awvalid, s_axil_wvalid -> s_axil_awready, s_axil_wready;
// s_axil_bready, s_axil_rready -> the ready of the request; counter_index_o -> counter_i.
`default_nettype none
module csr #(
  parameter  int unsigned Rows      = 4,
  parameter  int unsigned Columns   = 4,
  parameter  int unsigned PadBytes  = 16384,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned ScalarW   = $clog2(Registers),
  localparam int unsigned CounterW  = $clog2(accel_pkg::Counters),
  localparam int unsigned AddressW  = $clog2(accel_pkg::CsrBytes)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic        [AddressW-1:0] s_axil_awaddr,
  input  wire logic                 [2:0] s_axil_awprot,
  input  wire logic                       s_axil_awvalid,
  output      logic                       s_axil_awready,
  input  wire logic                [31:0] s_axil_wdata,
  input  wire logic                 [3:0] s_axil_wstrb,
  input  wire logic                       s_axil_wvalid,
  output      logic                       s_axil_wready,
  output      logic                 [1:0] s_axil_bresp,
  output      logic                       s_axil_bvalid,
  input  wire logic                       s_axil_bready,
  input  wire logic        [AddressW-1:0] s_axil_araddr,
  input  wire logic                 [2:0] s_axil_arprot,
  input  wire logic                       s_axil_arvalid,
  output      logic                       s_axil_arready,
  output      logic                [31:0] s_axil_rdata,
  output      logic                 [1:0] s_axil_rresp,
  output      logic                       s_axil_rvalid,
  input  wire logic                       s_axil_rready,
  output      logic                       irq_o,
  output      logic                       start_o,            // pulse, never while busy
  output      logic                [31:0] command_address_o,
  input  wire logic                       busy_i,             // of the dispatcher
  input  wire logic                       done_i,
  input  wire logic                       failed_i,
  input  wire logic                 [3:0] cause_i,            // with failed_i
  output      logic                       clear_counters_o,
  output      logic        [CounterW-1:0] counter_index_o,
  input  wire logic                [63:0] counter_i,
  output      logic                       scalar_write_o,
  output      logic         [ScalarW-1:0] scalar_index_o,
  output      logic                [31:0] scalar_data_o,
  input  wire logic [Registers-1:0][31:0] scalar_i
);
  localparam int unsigned OffsetW = $clog2(accel_pkg::CommandBytes);

  // Write channel: address and data are taken together.
  logic                write;
  logic [AddressW-1:0] address;
  logic         [31:0] mask, data;
  assign write          = s_axil_awvalid && s_axil_wvalid && (!s_axil_bvalid || s_axil_bready);
  assign s_axil_awready = write;
  assign s_axil_wready  = write;
  assign s_axil_bresp   = 2'b00;
  assign address        = {s_axil_awaddr[AddressW-1:2], 2'b00};
  assign mask           = {{8{s_axil_wstrb[3]}}, {8{s_axil_wstrb[2]}}, {8{s_axil_wstrb[1]}}, {8{s_axil_wstrb[0]}}};
  assign data           = s_axil_wdata & mask;

  logic       start, done_q, error_q;
  logic [3:0] cause_q;
  logic [1:0] enable_q, pending_q, raise, clear;
  logic [31:0] address_q, segments_q;
  assign start = write && address == AddressW'(accel_pkg::CsrControl) && data[accel_pkg::ControlStartBit] &&
                 !busy_i && !start_o;
  assign clear = (write && address == AddressW'(accel_pkg::CsrInterrupt)) ? data[1:0] : 2'b00;
  always_comb begin
    raise = 2'b00;
    raise[accel_pkg::InterruptDoneBit]  = done_i;
    raise[accel_pkg::InterruptErrorBit] = failed_i;
  end
  assign irq_o             = (pending_q & enable_q) != '0;
  assign command_address_o = address_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      s_axil_bvalid    <= 1'b0;
      start_o          <= 1'b0;
      clear_counters_o <= 1'b0;
      scalar_write_o   <= 1'b0;
      done_q           <= 1'b0;
      error_q          <= 1'b0;
      cause_q          <= accel_pkg::CauseNone;
      enable_q         <= '0;
      pending_q        <= '0;
      address_q        <= '0;
      segments_q       <= '0;
    end else begin
      s_axil_bvalid    <= write || (s_axil_bvalid && !s_axil_bready);
      start_o          <= start;
      clear_counters_o <= write && address == AddressW'(accel_pkg::CsrControl) &&
                          data[accel_pkg::ControlClearCountersBit];
      scalar_write_o   <= write && address >= AddressW'(accel_pkg::CsrScalars) && !busy_i && !start_o &&
                          address < AddressW'(accel_pkg::CsrScalars + 4 * Registers);
      pending_q        <= (pending_q & ~clear) | raise;
      done_q           <= done_i || (done_q && !start);
      error_q          <= failed_i || (error_q && !start);
      if (failed_i) cause_q <= cause_i;
      else if (start) cause_q <= accel_pkg::CauseNone;
      if (done_i) segments_q <= segments_q + 32'd1;
      if (write && address == AddressW'(accel_pkg::CsrInterruptEnable)) begin
        enable_q <= (enable_q & ~mask[1:0]) | data[1:0];
      end
      if (write && address == AddressW'(accel_pkg::CsrCommandAddress)) begin
        address_q[31:OffsetW] <= (address_q[31:OffsetW] & ~mask[31:OffsetW]) | data[31:OffsetW];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) begin
      scalar_index_o <= address[2+:ScalarW];
      scalar_data_o  <= (scalar_i[address[2+:ScalarW]] & ~mask) | data;
    end
  end

  // Read channel.
  logic                read;
  logic [AddressW-1:0] source;
  logic         [31:0] found, counter_high_q;
  logic                counters;
  assign s_axil_arready  = !s_axil_rvalid || s_axil_rready;
  assign s_axil_rresp    = 2'b00;
  assign read            = s_axil_arvalid && s_axil_arready;
  assign source          = {s_axil_araddr[AddressW-1:2], 2'b00};
  assign counter_index_o = source[3+:CounterW];
  assign counters        = source >= AddressW'(accel_pkg::CsrCounters) &&
                           source < AddressW'(accel_pkg::CsrCounters + 8 * accel_pkg::Counters);

  always_comb begin
    found = '0;
    unique case (source)
      AddressW'(accel_pkg::CsrStatus): begin
        found[accel_pkg::StatusBusyBit]  = busy_i || start_o;
        found[accel_pkg::StatusDoneBit]  = done_q;
        found[accel_pkg::StatusErrorBit] = error_q;
      end
      AddressW'(accel_pkg::CsrInterruptEnable): found = 32'(enable_q);
      AddressW'(accel_pkg::CsrInterrupt):       found = 32'(pending_q);
      AddressW'(accel_pkg::CsrErrorCause):      found = 32'(cause_q);
      AddressW'(accel_pkg::CsrCommandAddress):  found = address_q;
      AddressW'(accel_pkg::CsrSegments):        found = segments_q;
      AddressW'(accel_pkg::CsrHardware):        found = {16'(PadBytes / 1024), 8'(Columns), 8'(Rows)};
      default: begin
        if (counters) found = source[2] ? counter_high_q : counter_i[31:0];
        else if (source >= AddressW'(accel_pkg::CsrScalars) &&
                 source < AddressW'(accel_pkg::CsrScalars + 4 * Registers)) found = scalar_i[source[2+:ScalarW]];
      end
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) s_axil_rvalid <= 1'b0;
    else s_axil_rvalid <= read || (s_axil_rvalid && !s_axil_rready);
  end
  always_ff @(posedge clk_i) begin
    if (read) begin
      s_axil_rdata <= found;
      if (counters && !source[2]) counter_high_q <= counter_i[63:32];
    end
  end

  logic unused;
  assign unused = ^{s_axil_awprot, s_axil_arprot, s_axil_awaddr[1:0], s_axil_araddr[1:0]};
endmodule
`default_nettype wire
