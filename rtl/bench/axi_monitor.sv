// axi_monitor: watches an AXI4 master and its memory and stops the simulation at the first broken rule.
//   a stalled channel holds still; bursts are whole beats, INCR, at most MaxBurst, within 4 KiB; WLAST and RLAST stand
//   where the length says; strobes are one run of bytes, open at the ends of a burst alone; no answer without a question
// Golden: AMBA AXI4 (Arm IHI 0022, A3 and A4). Combinational path: none; there are no outputs. For simulation only.
`default_nettype none
module axi_monitor #(
  parameter int unsigned BusBytes = 8,
  parameter int unsigned MaxBurst = 64
) (
  input wire logic                  clk_i,
  input wire logic                  rst_ni,
  input wire logic           [31:0] araddr,
  input wire logic            [7:0] arlen,
  input wire logic            [2:0] arsize,
  input wire logic            [1:0] arburst,
  input wire logic                  arvalid,
  input wire logic                  arready,
  input wire logic [8*BusBytes-1:0] rdata,
  input wire logic            [1:0] rresp,
  input wire logic                  rlast,
  input wire logic                  rvalid,
  input wire logic                  rready,
  input wire logic           [31:0] awaddr,
  input wire logic            [7:0] awlen,
  input wire logic            [2:0] awsize,
  input wire logic            [1:0] awburst,
  input wire logic                  awvalid,
  input wire logic                  awready,
  input wire logic [8*BusBytes-1:0] wdata,
  input wire logic   [BusBytes-1:0] wstrb,
  input wire logic                  wlast,
  input wire logic                  wvalid,
  input wire logic                  wready,
  input wire logic            [1:0] bresp,
  input wire logic                  bvalid,
  input wire logic                  bready
);
  // What was offered and not taken in the cycle before, with its payload.
  logic             [4:0] held_q;
  logic            [44:0] ar_q, aw_q;
  logic  [8*BusBytes+2:0] r_q;
  logic    [9*BusBytes:0] w_q;
  logic             [1:0] b_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) held_q <= '0;
    else held_q <= {bvalid && !bready, wvalid && !wready, awvalid && !awready, rvalid && !rready, arvalid && !arready};
  end
  always_ff @(posedge clk_i) begin
    ar_q <= {araddr, arlen, arsize, arburst};
    aw_q <= {awaddr, awlen, awsize, awburst};
    r_q  <= {rdata, rresp, rlast};
    w_q  <= {wdata, wstrb, wlast};
    b_q  <= bresp;
    if (held_q[0]) a_ar_holds : assert (arvalid && ar_q == {araddr, arlen, arsize, arburst});
    if (held_q[1]) a_r_holds : assert (rvalid && r_q == {rdata, rresp, rlast});
    if (held_q[2]) a_aw_holds : assert (awvalid && aw_q == {awaddr, awlen, awsize, awburst});
    if (held_q[3]) a_w_holds : assert (wvalid && w_q == {wdata, wstrb, wlast});
    if (held_q[4]) a_b_holds : assert (bvalid && b_q == bresp);
  end

  function automatic logic burst_ok(input logic [31:0] address, input logic [7:0] len, input logic [2:0] size,
                                    input logic [1:0] burst);
    burst_ok = size == 3'($clog2(BusBytes)) && burst == 2'b01 && address % BusBytes == 0 && 32'(len) < MaxBurst &&
               32'(address[11:0]) + (32'(len) + 1) * BusBytes <= 4096;
  endfunction
  // One run of set bits: adding its lowest bit carries all of it away.
  function automatic logic one_run(input logic [BusBytes-1:0] strobe);
    one_run = strobe != '0 && (({1'b0, strobe} + {1'b0, strobe & (~strobe + 1'b1)}) & {1'b0, strobe}) == '0;
  endfunction

  // Bursts under way, the oldest at the out pointer. Addresses come a cycle or more before their data.
  logic [7:0] read_len [64];
  logic [7:0] write_len [64];
  logic [7:0] read_beat_q, write_beat_q;
  logic [5:0] read_in_q, read_out_q, write_in_q, write_out_q, due_q;  // due: write responses
  logic       open_q;                                                 // the beat before ended with a closed lane
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_in_q    <= '0;
      read_out_q   <= '0;
      read_beat_q  <= '0;
      write_in_q   <= '0;
      write_out_q  <= '0;
      write_beat_q <= '0;
      due_q        <= '0;
      open_q       <= 1'b0;
    end else begin
      read_in_q  <= read_in_q + 6'(arvalid && arready);
      write_in_q <= write_in_q + 6'(awvalid && awready);
      due_q      <= due_q + 6'(wvalid && wready && wlast) - 6'(bvalid && bready);
      if (rvalid && rready) begin
        read_beat_q <= rlast ? '0 : read_beat_q + 8'd1;
        read_out_q  <= read_out_q + 6'(rlast);
      end
      if (wvalid && wready) begin
        write_beat_q <= wlast ? '0 : write_beat_q + 8'd1;
        write_out_q  <= write_out_q + 6'(wlast);
        open_q       <= !wlast && !wstrb[BusBytes-1];
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (arvalid) begin
      a_ar_rules : assert (burst_ok(araddr, arlen, arsize, arburst));
      a_ar_few : assert (read_in_q + 6'd1 != read_out_q);
    end
    if (awvalid) begin
      a_aw_rules : assert (burst_ok(awaddr, awlen, awsize, awburst));
      a_aw_few : assert (write_in_q + 6'd1 != write_out_q);
    end
    if (arvalid && arready) read_len[read_in_q] <= arlen;
    if (awvalid && awready) write_len[write_in_q] <= awlen;
    if (rvalid) begin
      a_read_is_due : assert (read_in_q != read_out_q);
      a_rlast : assert (rlast == (read_beat_q == read_len[read_out_q]));
    end
    if (wvalid) begin
      a_data_follow_address : assert (write_in_q != write_out_q);
      a_wlast : assert (wlast == (write_beat_q == write_len[write_out_q]));
      a_strobes : assert (one_run(wstrb) && (write_beat_q == '0 || (wstrb[0] && !open_q)));
    end
    if (bvalid) a_response_is_due : assert (due_q != '0);
  end
endmodule
`default_nettype wire
