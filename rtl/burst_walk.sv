// burst_walk: the address phases of a transfer, run after run, at most MaxBurst beats each, none across 4 KiB.
//   beats of a run = ceil((address % BusBytes + row_bytes) / BusBytes);  addresses are whole beats
// Golden: the bytes of accel_models.golden.transfer._copy; accel_models.cost.beats in sum.
// start_i in cycle 0, the first address phase in cycle 2 when enable_i is high in cycle 1; then one a cycle.
// Combinational path: ready_i -> issue_o.
`default_nettype none
module burst_walk #(
  parameter  int unsigned BusBytes = 8,
  parameter  int unsigned MaxBurst = 64,
  localparam int unsigned CountW   = $clog2(MaxBurst + 1)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              start_i,
  input  wire logic              enable_i,        // another address phase may be made
  input  wire logic       [31:0] address_i,       // taken with start_i, as planes_i is; the others hold still after it
  input  wire logic       [31:0] row_stride_i,
  input  wire logic       [31:0] plane_stride_i,
  input  wire logic       [19:0] row_bytes_i,
  input  wire logic       [15:0] rows_i,
  input  wire logic       [15:0] planes_i,
  output      logic              issue_o,         // one is made; it is at the outputs from the next cycle on
  output      logic [CountW-1:0] issue_beats_o,
  output      logic              valid_o,
  input  wire logic              ready_i,
  output      logic       [31:0] address_o,
  output      logic        [7:0] len_o,           // beats less one
  output      logic              error_o          // a run starts beyond 2^32
);
  localparam int unsigned OffsetW   = $clog2(BusBytes);
  localparam int unsigned PageBeats = 4096 / BusBytes;
  localparam int unsigned PageW     = $clog2(PageBeats);
  localparam int unsigned BeatsW    = 21 - OffsetW;  // of a whole run
  localparam int unsigned WordW     = 32 - OffsetW;  // address of a beat

  logic        plane_end, last_run, next_run;
  logic [32:0] run;
  run_walk u_walk (
    .clk_i      (clk_i),
    .start_i    (start_i),
    .rows_i     (rows_i),
    .planes_i   (planes_i),
    .next_i     (next_run),
    .plane_end_o(plane_end),
    .last_o     (last_run)
  );
  run_address #(
    .Width(32)
  ) u_address (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .address_i     (address_i),
    .row_stride_i  (row_stride_i),
    .plane_stride_i(plane_stride_i),
    .next_i        (next_run),
    .plane_end_i   (plane_end),
    .address_o     (run)
  );

  // left_q: some are left to be made. Inside a run that takes several, word_q and beats_q say what is left of it.
  logic              left_q, inside_q, burst_last;
  logic [BeatsW-1:0] beats_q, beats_left;
  logic       [20:0] bytes_end;
  logic  [WordW-1:0] word_q, word;
  logic    [PageW:0] to_page;
  logic [CountW-1:0] longest, beats;
  assign bytes_end  = 21'(run[OffsetW-1:0]) + 21'(row_bytes_i) + 21'(BusBytes - 1);
  assign beats_left = inside_q ? beats_q : BeatsW'(bytes_end >> OffsetW);
  assign word       = inside_q ? word_q : run[31:OffsetW];
  assign to_page    = (PageW + 1)'(PageBeats) - {1'b0, word[PageW-1:0]};
  assign longest    = (32'(to_page) < MaxBurst) ? CountW'(to_page) : CountW'(MaxBurst);
  assign burst_last = 32'(beats_left) <= 32'(longest);
  assign beats      = burst_last ? CountW'(beats_left) : longest;

  assign issue_o       = left_q && enable_i && (!valid_o || ready_i);
  assign issue_beats_o = beats;
  assign next_run      = issue_o && burst_last;
  assign error_o       = issue_o && run[32];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      left_q   <= 1'b0;
      inside_q <= 1'b0;
      valid_o  <= 1'b0;
    end else begin
      if (start_i) left_q <= 1'b1;
      else if (next_run && last_run) left_q <= 1'b0;
      if (issue_o) inside_q <= !burst_last;
      if (issue_o) valid_o <= 1'b1;
      else if (ready_i) valid_o <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (issue_o) begin
      word_q    <= word + WordW'(beats);
      beats_q   <= beats_left - BeatsW'(beats);
      address_o <= {word, OffsetW'(0)};
      len_o     <= 8'(beats - 1'b1);
    end
  end
endmodule
`default_nettype wire
